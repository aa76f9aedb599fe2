import type { JsonValue } from '../../base/index.js'
import type { ByteLevelDefinition } from '../steps/byte-level.js'
import { type Components, createStep, type ReadContext, readStep, sequenceOf } from '../steps/component.js'
import type { MetaspaceDefinition } from '../steps/metaspace.js'
import type { Splitter } from '../steps/pieces.js'
import { bertPreTokenizer, type BertPreTokenizerDefinition } from './bert.js'
import { byteLevel } from './byte-level.js'
import { charDelimiterSplit, type CharDelimiterSplitDefinition } from './char-delimiter.js'
import { digits, type DigitsDefinition } from './digits.js'
import { fixedLength, type FixedLengthDefinition } from './fixed-length.js'
import { metaspace } from './metaspace.js'
import { prepend, type PrependPreTokenizerDefinition } from './prepend.js'
import { punctuation, type PunctuationDefinition } from './punctuation.js'
import { split, type SplitDefinition } from './split.js'
import { unicodeScripts, type UnicodeScriptsDefinition } from './unicode-scripts.js'
import { whitespaceSplit, type WhitespaceSplitDefinition } from './whitespace-split.js'
import { whitespace, type WhitespaceDefinition } from './whitespace.js'

/** How a text is cut into pieces, in the words of tokenizer.json. */
export type PreTokenizerDefinition =
  | BertPreTokenizerDefinition
  | ByteLevelDefinition
  | CharDelimiterSplitDefinition
  | DigitsDefinition
  | FixedLengthDefinition
  | MetaspaceDefinition
  | PrependPreTokenizerDefinition
  | PunctuationDefinition
  | PreTokenizerSequenceDefinition
  | SplitDefinition
  | UnicodeScriptsDefinition
  | WhitespaceDefinition
  | WhitespaceSplitDefinition

/** Pre-tokenizers one after another: each takes what the one before gives. */
export interface PreTokenizerSequenceDefinition {
  readonly type: 'Sequence'
  readonly pretokenizers: readonly PreTokenizerDefinition[]
}

const components: Components<PreTokenizerDefinition, Splitter> = {
  BertPreTokenizer: bertPreTokenizer,
  ByteLevel: byteLevel,
  CharDelimiterSplit: charDelimiterSplit,
  Digits: digits,
  FixedLength: fixedLength,
  Metaspace: metaspace,
  Prepend: prepend,
  Punctuation: punctuation,
  Sequence: sequenceOf(
    'pretokenizers',
    'encode',
    readPreTokenizer,
    createPreTokenizer,
    ({ text }) => text.length,
  ),
  Split: split,
  UnicodeScripts: unicodeScripts,
  Whitespace: whitespace,
  WhitespaceSplit: whitespaceSplit,
}

/** @throws FormatError for a type that isn't known, and for fields that don't fit it */
export function readPreTokenizer(value: JsonValue, context: ReadContext): PreTokenizerDefinition {
  return readStep(components, value, context)
}

/**
 * Builds a pre-tokenizer. null leaves every piece as it is.
 *
 * @throws PatternError for a regular expression that isn't understood
 */
export function createPreTokenizer(definition: PreTokenizerDefinition | null): Splitter {
  if (definition === null) return (pieces) => pieces
  return createStep(components, definition)
}
