import type { Vocabulary } from '../steps/vocabulary.js'
import type { SymbolSettings } from './initial-symbols.js'
import type { MergeTable } from './merge-table.js'

/** The model BPE, as a tokenizer.json has it. */
export interface BytePairDefinition extends SymbolSettings {
  readonly type: 'BPE'
  /** How likely a merge is left out, in training. Words are encoded without: it must be 0 or null. */
  readonly dropout: number | null
  /** A word that is a token becomes that token, merges or not. */
  readonly ignore_merges: boolean
  readonly vocab: Vocabulary
  readonly merges: MergeTable
}

/** The model without what few files ask for. */
export function bytePairDefinition(
  vocab: Vocabulary,
  merges: MergeTable,
  changes: Partial<BytePairDefinition> = {},
): BytePairDefinition {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges,
    ...changes,
  }
}
