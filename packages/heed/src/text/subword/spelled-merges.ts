import type { Vocabulary } from '../steps/vocabulary.js'
import type { MergeTable } from './merge-table.js'

/** Two tokens that join. */
export type SpelledMerge = readonly [left: string, right: string]

/** The merges as the vocabulary spells them, in their order. */
export function* spelledMerges(merges: MergeTable, vocabulary: Vocabulary): Generator<SpelledMerge> {
  const { slots } = merges
  for (const at of merges.byRank()) yield [vocabulary.token(slots[at]!)!, vocabulary.token(slots[at + 1]!)!]
}
