import type { JsonValue } from '../../base/index.js'
import type { ByteLevelDefinition } from '../steps/byte-level.js'
import type { Component, ReadContext } from '../steps/component.js'
import type { MetaspaceDefinition } from '../steps/metaspace.js'
import { bpeDecoder, type BpeDecoderDefinition } from './bpe.js'
import { byteFallback, type ByteFallbackDefinition } from './byte-fallback.js'
import { byteLevel } from './byte-level.js'
import { ctc, type CtcDecoderDefinition } from './ctc.js'
import { fuse, type FuseDefinition } from './fuse.js'
import { metaspace } from './metaspace.js'
import { replace, type ReplaceDecoderDefinition } from './replace.js'
import { type DecoderSequenceDefinition, sequenceOf } from './sequence.js'
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
  | DecoderSequenceDefinition<DecoderDefinition>
  | FuseDefinition
  | MetaspaceDefinition
  | ReplaceDecoderDefinition
  | SentencePieceDecoderDefinition
  | StripDecoderDefinition
  | VerbatimDefinition<DecoderDefinition>
  | WordPieceDecoderDefinition

type Type = DecoderDefinition['type']

const components: {
  readonly [Name in Type]: Component<Extract<DecoderDefinition, { readonly type: Name }>, DecodeStep>
} = {
  BPEDecoder: bpeDecoder,
  ByteFallback: byteFallback,
  ByteLevel: byteLevel,
  CTC: ctc,
  Fuse: fuse,
  Metaspace: metaspace,
  Replace: replace,
  SentencePiece: sentencePiece,
  Sequence: sequenceOf(readDecoder, createStep),
  Strip: strip,
  Verbatim: verbatimOf(readDecoder, createStep),
  WordPiece: wordPiece,
}

const types = Object.keys(components) as Type[]

/** A field by which a decoder is known that has no `type`, as the oldest files have it. */
const marks: readonly (readonly [field: string, type: Type])[] = [
  ['suffix', 'BPEDecoder'],
  ['prefix', 'WordPiece'],
  ['pad_token', 'CTC'],
  ['pattern', 'Replace'],
  ['start', 'Strip'],
]

/** @throws FormatError for a type that isn't known, and for fields that don't fit it */
export function readDecoder(value: JsonValue, context: ReadContext): DecoderDefinition {
  const named = value.member('type')
  const mark =
    named.value === undefined ? marks.find(([field]) => value.member(field).value !== undefined) : undefined
  return components[mark?.[1] ?? named.choice(types)].read(value, context)
}

/**
 * Builds a decoder: tokens as the vocabulary spells them → text. Without a decoder (null) they are joined by
 * spaces.
 *
 * @throws PatternError for a regular expression that isn't understood
 */
export function createDecoder(definition: DecoderDefinition | null): (tokens: readonly string[]) => string {
  if (definition === null) return (tokens) => tokens.join(' ')
  const step = createStep(definition)
  return (tokens) => step(tokens).join('')
}

function createStep(definition: DecoderDefinition): DecodeStep {
  return (components[definition.type] as Component<DecoderDefinition, DecodeStep>).create(definition)
}
