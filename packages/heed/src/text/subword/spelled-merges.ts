import { FormatError } from '../../base/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { MergeTable } from './merge-table.js'

/** Two tokens that join. */
export type SpelledMerge = readonly [left: string, right: string]

/**
 * The table of merges that are given as tokens, the earlier the sooner. The joined token lacks the right
 * one's `prefix`.
 *
 * @param operation who asks, for errors
 * @throws FormatError where the vocabulary lacks a token, or a right token is shorter than the prefix
 */
export function mergesOf(
  merges: Iterable<SpelledMerge>,
  vocabulary: Vocabulary,
  prefix: string | null,
  operation: string,
): MergeTable {
  const cut = prefix?.length ?? 0
  const table = new MergeTable()
  const idOf = (token: string): number =>
    vocabulary.id(token) ??
    refuse(operation, 'a vocabulary with every token that merges name', `no '${token.slice(0, 100)}'`)
  let rank = 0
  for (const [left, right] of merges) {
    if (right.length < cut) refuse(operation, `right tokens that begin with '${prefix}'`, `'${right}'`)
    table.set(idOf(left), idOf(right), rank++, idOf(left + right.slice(cut)))
  }
  return table
}

function refuse(operation: string, expected: string, found: string): never {
  const hint = 'check that vocabulary and merges belong together'
  throw new FormatError({ operation, expected, found, hint })
}

/** The merges as the vocabulary spells them, in their order. */
export function* spelledMerges(merges: MergeTable, vocabulary: Vocabulary): Generator<SpelledMerge> {
  const { slots } = merges
  for (const at of merges.byRank()) yield [vocabulary.token(slots[at]!)!, vocabulary.token(slots[at + 1]!)!]
}
