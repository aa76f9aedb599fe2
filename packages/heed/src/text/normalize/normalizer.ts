import type { JsonValue } from '../../base/index.js'
import { type Components, createStep, type ReadContext, readStep, sequenceOf } from '../steps/component.js'
import type { Normalizer } from '../steps/pieces.js'
import { bertNormalizer, type BertNormalizerDefinition } from './bert.js'
import { byteLevel, type ByteLevelNormalizerDefinition } from './byte-level.js'
import { ggufBert, type GgufBertNormalizerDefinition } from './gguf-bert.js'
import { lowercase, type LowercaseDefinition } from './lowercase.js'
import { nmt, type NmtDefinition } from './nmt.js'
import { nfc, nfd, nfkc, nfkd, type NormalFormDefinition } from './normal-form.js'
import { precompiled, type PrecompiledDefinition } from './precompiled.js'
import { prepend, type PrependDefinition } from './prepend.js'
import { replace, type ReplaceDefinition } from './replace.js'
import { sentencePiece, type SentencePieceNormalizerDefinition } from './sentence-piece.js'
import { stripAccents, type StripAccentsDefinition } from './strip-accents.js'
import { strip, type StripDefinition } from './strip.js'

/** How a text is made uniform before it is cut, in the words of tokenizer.json. */
export type NormalizerDefinition =
  | BertNormalizerDefinition
  | ByteLevelNormalizerDefinition
  | GgufBertNormalizerDefinition
  | LowercaseDefinition
  | NmtDefinition
  | NormalFormDefinition<'NFC'>
  | NormalFormDefinition<'NFD'>
  | NormalFormDefinition<'NFKC'>
  | NormalFormDefinition<'NFKD'>
  | NormalizerSequenceDefinition
  | PrecompiledDefinition
  | PrependDefinition
  | ReplaceDefinition
  | SentencePieceNormalizerDefinition
  | StripAccentsDefinition
  | StripDefinition

/** Normalizers one after another: each takes what the one before gives. */
export interface NormalizerSequenceDefinition {
  readonly type: 'Sequence'
  readonly normalizers: readonly NormalizerDefinition[]
}

const components: Components<NormalizerDefinition, Normalizer> = {
  BertNormalizer: bertNormalizer,
  ByteLevel: byteLevel,
  GgufBert: ggufBert,
  Lowercase: lowercase,
  NFC: nfc,
  NFD: nfd,
  NFKC: nfkc,
  NFKD: nfkd,
  Nmt: nmt,
  Precompiled: precompiled,
  Prepend: prepend,
  Replace: replace,
  Sequence: sequenceOf('normalizers', 'encode', readNormalizer, createNormalizer, ({ text }) => text.length),
  SentencePiece: sentencePiece,
  Strip: strip,
  StripAccents: stripAccents,
}

/** A field by which a normalizer is known that has no `type`, as the oldest files have it. */
const marks: readonly (readonly [field: string, type: NormalizerDefinition['type']])[] = [
  ['clean_text', 'BertNormalizer'],
  ['strip_left', 'Strip'],
  ['normalizers', 'Sequence'],
  ['precompiled_charsmap', 'Precompiled'],
  ['pattern', 'Replace'],
  ['prepend', 'Prepend'],
]

/** @throws FormatError for a type that isn't known, and for fields that don't fit it */
export function readNormalizer(value: JsonValue, context: ReadContext): NormalizerDefinition {
  if (value.member('type').value === 'Bert') return bertNormalizer.read(value, context)
  return readStep(components, value, context, marks)
}

/**
 * Builds a normalizer. null leaves every text as it is.
 *
 * @throws PatternError for a regular expression that isn't understood
 */
export function createNormalizer(definition: NormalizerDefinition | null): Normalizer {
  if (definition === null) return (text) => text
  return createStep(components, definition)
}
