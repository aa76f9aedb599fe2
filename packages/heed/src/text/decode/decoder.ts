import type { JsonValue } from '../../base/index.js'
import type { ByteLevelDefinition } from '../steps/byte-level.js'
import { type Components, createStep, type ReadContext, readStep, sequenceOf } from '../steps/component.js'
import type { MetaspaceDefinition } from '../steps/metaspace.js'
import { bpeDecoder, type BpeDecoderDefinition } from './bpe.js'
import { byteFallback, type ByteFallbackDefinition } from './byte-fallback.js'
import { byteLevel } from './byte-level.js'
import { ctc, type CtcDecoderDefinition } from './ctc.js'
import { fuse, type FuseDefinition } from './fuse.js'
import { metaspace } from './metaspace.js'
import { replace, type ReplaceDecoderDefinition } from './replace.js'
import { sentencePiece, type SentencePieceDecoderDefinition } from './sentence-piece.js'
import type { DecodeStep } from './step.js'
import { strip, type StripDecoderDefinition } from './strip.js'
import { type VerbatimDefinition, verbatimOf } from './verbatim.js'
import { wordPiece, type WordPieceDecoderDefinition } from './word-piece.js'

/** How tokens become a text, in the words of tokenizer.json. */
export type DecoderDefinition =
  | BpeDecoderDefinition
  | ByteFallbackDefinition
  | ByteLevelDefinition
  | CtcDecoderDefinition
  | DecoderSequenceDefinition
  | FuseDefinition
  | MetaspaceDefinition
  | ReplaceDecoderDefinition
  | SentencePieceDecoderDefinition
  | StripDecoderDefinition
  | VerbatimDefinition<DecoderDefinition>
  | WordPieceDecoderDefinition

/** Decoders one after another: each takes what the one before gives. */
export interface DecoderSequenceDefinition {
  readonly type: 'Sequence'
  readonly decoders: readonly DecoderDefinition[]
}

const components: Components<DecoderDefinition, DecodeStep> = {
  BPEDecoder: bpeDecoder,
  ByteFallback: byteFallback,
  ByteLevel: byteLevel,
  CTC: ctc,
  Fuse: fuse,
  Metaspace: metaspace,
  Replace: replace,
  SentencePiece: sentencePiece,
  Sequence: sequenceOf('decoders', 'decode', readDecoder, stepOf, lengthOf),
  Strip: strip,
  Verbatim: verbatimOf(readDecoder, stepOf),
  WordPiece: wordPiece,
}

/** A field by which a decoder is known that has no `type`, as the oldest files have it. */
const marks: readonly (readonly [field: string, type: DecoderDefinition['type']])[] = [
  ['suffix', 'BPEDecoder'],
  ['prefix', 'WordPiece'],
  ['pad_token', 'CTC'],
  ['pattern', 'Replace'],
  ['start', 'Strip'],
]

/** @throws FormatError for a type that isn't known, and for fields that don't fit it */
export function readDecoder(value: JsonValue, context: ReadContext): DecoderDefinition {
  return readStep(components, value, context, marks)
}

/**
 * Builds a decoder: tokens as the vocabulary spells them → text. Without a decoder (null) they are joined by
 * spaces.
 *
 * @throws PatternError for a regular expression that isn't understood
 */
export function createDecoder(definition: DecoderDefinition | null): (tokens: readonly string[]) => string {
  if (definition === null) return (tokens) => tokens.join(' ')
  const step = stepOf(definition)
  return (tokens) => step(tokens).join('')
}

function stepOf(definition: DecoderDefinition): DecodeStep {
  return createStep(components, definition)
}

/** A token without characters counts as one. */
function lengthOf(tokens: readonly string[]): number {
  let length = tokens.length
  for (const token of tokens) length += token.length
  return length
}
