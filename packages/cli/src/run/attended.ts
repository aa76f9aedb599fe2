/** What was attended, in the parts that tell most of a task's result. */
import type { AnswerPart, MapPart, WeightsPart } from '@heed/studio'
import { attendedBy, wordAttention, type AttendedWord, type Attention } from 'heed/internals'

const ofAll = '(mean of all heads)'

/** What the token at a position attended to, of all tokens but those that a template put there. */
export function tokenAttended(name: string, attention: Attention, position: number): WeightsPart {
  const own = attendedBy(attention, position)
    .filter(({ token }) => token.sequence >= 0)
    .sort((one, other) => one.position - other.position)
  return {
    kind: 'weights',
    name: `${name} ${ofAll}`,
    tokens: own.map(({ token }) => token.text),
    weights: own.map(({ weight }) => weight),
  }
}

/**
 * How much each word of the second text attended to each word of the first; the largest is 1. Nothing where
 * one of them has no words.
 *
 * @param texts the two, so that words are as they stand there
 */
export function wordsMet(
  name: string,
  attention: Attention,
  [first, second]: readonly [first: string, second?: string | undefined],
): MapPart | undefined {
  const sequences = new Set(attention.tokens?.map(({ sequence }) => sequence))
  if (!sequences.has(0) || !sequences.has(1)) return undefined
  const { filter, queries, keys } = wordAttention(attention)
  const words = (of: readonly AttendedWord[], text?: string): string[] =>
    of.map((word) => text?.slice(word.start, word.end) ?? word.text)
  const labels = { query: words(queries, second), key: words(keys, first) }
  return mapOf(`${name} ${ofAll}`, labels, rowsOf(filter.values(['query', 'key']), keys.length))
}

/** How alike each token of a query is to each of a document, in late interaction. */
export function tokensMet(name: string, attention: Attention): MapPart | undefined {
  const [filter] = Object.entries(attention.filters)
  if (filter === undefined) return undefined
  const labels = labelsOf(attention, filter[0])
  return mapOf(name, labels, rowsOf(filter[1].values(['head', 'query', 'key']), labels.key.length))
}

/**
 * What a text that was written attended to: of an encoder-decoder, all its tokens to the source; of a
 * decoder, its last token to those before.
 */
export function writingAttended(attention: Attention): WeightsPart | undefined {
  const all = Object.entries(attention.filters).map(([name, filter]) => ({
    filter,
    labels: labelsOf(attention, name),
  }))
  const crossing = all.filter(({ labels }) => labels.query !== labels.key)
  const [first] = crossing.length > 0 ? crossing : all
  if (first === undefined) return undefined
  const { key } = first.labels
  const sum = new Float64Array(key.length)
  let rows = 0
  for (const { filter, labels } of crossing.length > 0 ? crossing : all) {
    if (labels.key !== key) continue
    const own = rowsOf(filter.values(['head', 'query', 'key']), key.length)
    const chosen =
      crossing.length > 0
        ? own
        : own.filter((_, row) => row % labels.query.length === labels.query.length - 1)
    for (const row of chosen) row.forEach((weight, i) => (sum[i]! += weight))
    rows += chosen.length
  }
  const name = crossing.length > 0 ? 'what the text attended to' : 'what the last token attended to'
  return {
    kind: 'weights',
    name: `${name} ${ofAll}`,
    tokens: key,
    weights: Array.from(sum, (weight) => weight / Math.max(1, rows)),
  }
}

/** What templates put around texts, as pictures label it. */
const templated = /^(?:\[(?:CLS|SEP)\]|<\/?s>|<bos>|<eos>)$/

/**
 * What the tokens of one text attended to, among several texts that were read by themselves: the mean of all.
 *
 * @param part the beginning of its filters' names
 */
export function textAttended(name: string, attention: Attention, part: string): WeightsPart | undefined {
  const own = Object.entries(attention.filters).filter(([filter]) => filter.startsWith(`${part}.`))
  const labels = own[0] === undefined ? undefined : labelsOf(attention, own[0][0])
  if (labels === undefined) return undefined
  const sum = new Float64Array(labels.key.length)
  let rows = 0
  for (const [, filter] of own)
    for (const row of rowsOf(filter.values(['head', 'query', 'key']), labels.key.length)) {
      row.forEach((weight, i) => (sum[i]! += weight))
      rows++
    }
  const shown = labels.key.flatMap((label, i) => (templated.test(label) ? [] : [i]))
  return {
    kind: 'weights',
    name: `${name} ${ofAll}`,
    tokens: shown.map((i) => labels.key[i]!),
    weights: shown.map((i) => sum[i]! / rows),
  }
}

/** What stands beside a filter's rows and columns. */
export interface PairLabels {
  readonly query: readonly string[]
  readonly key: readonly string[]
}

/** The labels of one filter, by name or by a pattern of names. */
export function labelsOf({ labels }: Attention, name: string): PairLabels {
  const isPair = (given: unknown): given is PairLabels =>
    typeof given === 'object' && given !== null && Array.isArray((given as PairLabels).query)
  const of = (given: readonly string[] | PairLabels): PairLabels =>
    isPair(given) ? given : { query: given, key: given }
  if (Array.isArray(labels) || isPair(labels)) return of(labels as readonly string[] | PairLabels)
  const parts = name.split('.')
  const found = Object.entries(labels as Readonly<Record<string, readonly string[] | PairLabels>>).find(
    ([pattern]) => {
      const wanted = pattern.split('.')
      return wanted.length === parts.length && wanted.every((part, i) => part === '*' || part === parts[i])
    },
  )
  return found === undefined ? { query: [], key: [] } : of(found[1])
}

function rowsOf(weights: ArrayLike<number>, columns: number): number[][] {
  return Array.from({ length: columns === 0 ? 0 : weights.length / columns }, (_, row) =>
    Array.from({ length: columns }, (__, column) => weights[row * columns + column]!),
  )
}

function mapOf(name: string, { query, key }: PairLabels, weights: readonly (readonly number[])[]): MapPart {
  const largest = weights.reduce((most, row) => Math.max(most, ...row), 1e-9)
  return {
    kind: 'map',
    name: `${name}; shares of the largest`,
    rows: query,
    columns: key,
    weights: weights.map((row) => row.map((weight) => weight / largest)),
  }
}

/** The parts that are there. */
export function present(...parts: readonly (AnswerPart | undefined)[]): readonly AnswerPart[] {
  return parts.filter((part) => part !== undefined)
}
