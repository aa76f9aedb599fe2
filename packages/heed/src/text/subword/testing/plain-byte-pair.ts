import { characterOfByte } from '../../byte-alphabet.js'
import { Vocabulary } from '../../steps/vocabulary.js'
import { TokenList } from '../../steps/token-list.js'
import type { Spelling } from '../../steps/pieces.js'
import { type BytePairDefinition, bytePairDefinition } from '../byte-pair-definition.js'
import type { BytePairModel } from '../byte-pair-model.js'
import { MergeTable } from '../merge-table.js'
import type { SpelledMerge } from '../spelled-merges.js'

export interface PlainBytePair extends Partial<Omit<BytePairDefinition, 'vocab' | 'merges'>> {
  readonly vocab: Readonly<Record<string, number>>
  readonly merges: readonly SpelledMerge[]
}

export function definitionOf({ vocab, merges, ...rest }: PlainBytePair): BytePairDefinition {
  const vocabulary = Vocabulary.of(Object.entries(vocab))
  const merged = mergesOf(merges, vocabulary, rest.continuing_subword_prefix ?? '')
  return bytePairDefinition(vocabulary, merged, rest)
}

/** The table of merges that are given as tokens. The joined token lacks the right one's `prefix`. */
export function mergesOf(merges: readonly SpelledMerge[], vocabulary: Vocabulary, prefix = ''): MergeTable {
  const table = new MergeTable()
  const idOf = (token: string): number => vocabulary.id(token)!
  merges.forEach(([left, right], rank) =>
    table.set(idOf(left), idOf(right), rank, idOf(left + right.slice(prefix.length))),
  )
  return table
}

/** A token with its place in the word. */
export type PlacedToken = readonly [token: string, start: number, end: number]

/** What a model makes of one word. */
export function tokensOf(
  model: BytePairModel,
  word: string,
  spelling: Spelling = 'characters',
  allowsSpecial = true,
): PlacedToken[] {
  const list = new TokenList()
  const pieces = { text: `<${word}>`, offset: 0, bounds: Int32Array.of(1, 1 + word.length), spelling }
  model.encode(pieces, 7, list, allowsSpecial)
  return Array.from({ length: list.length }, (_, i) => {
    if (list.words[i] !== 7) throw new Error('another word')
    return [model.vocabulary.token(list.ids[i]!)!, list.starts[i]! - 1, list.ends[i]! - 1]
  })
}

/**
 * Byte pair encoding as it is defined, as slow as that is. Characters without a token are left out, or are
 * unknown one by one.
 */
export function plainTokens(
  definition: PlainBytePair,
  word: string,
  spelling: Spelling,
  barred: ReadonlySet<string> = new Set(),
): PlacedToken[] {
  const { vocab, merges, unk_token: unknown, ignore_merges: ignores, end_of_word_suffix: suffix } = definition
  const letters: [string, number, number][] = []
  let at = 0
  for (const character of word) {
    const bytes = [...new TextEncoder().encode(character)].map((byte) => characterOfByte[byte]!)
    for (const letter of spelling === 'bytes' ? bytes : [character])
      letters.push([letter, at, at + character.length])
    at += character.length
  }
  const whole = letters.map(([letter]) => letter).join('')
  if (ignores === true && Object.hasOwn(vocab, whole) && !barred.has(whole)) return [[whole, 0, word.length]]
  if (typeof suffix === 'string' && letters.length > 0) letters.at(-1)![0] += suffix
  let tokens = letters.map(([letter, start, end]): [string, number, number] =>
    Object.hasOwn(vocab, letter) && !barred.has(letter) ? [letter, start, end] : [unknown ?? '', start, end],
  )
  tokens = tokens.filter(([token]) => token !== '')
  const ranks = new Map(merges.map((pair, rank) => [pair.join(' '), rank]))
  for (;;) {
    let lowest = Infinity
    let place = -1
    for (let i = 1; i < tokens.length; i++) {
      const [left, right] = [tokens[i - 1]![0], tokens[i]![0]]
      const rank = ranks.get(`${left} ${right}`)
      if (rank === undefined || rank >= lowest || barred.has(left + right)) continue
      lowest = rank
      place = i
    }
    if (place < 0) return tokens
    const [left, right] = [tokens[place - 1]!, tokens[place]!]
    tokens.splice(place - 1, 2, [left[0] + right[0], left[1], right[2]])
  }
}
