/** What was attended, in the parts that tell most of a task's result. */
import type { AnswerPart, MapPart, WeightsPart } from '@heed/studio'
import type { AttendedToken, Attention } from 'heed'

/** Weights of all heads of all layers, their mean: a row for each query. */
export type MeanFilter = readonly (readonly number[])[]

/** The mean of the filters of one text with itself. */
export function meanFilter({ filters, tokens }: Attention): MeanFilter | undefined {
  const count = tokens?.length ?? 0
  const all = Object.values(filters).filter(
    (filter) => filter.size('query') === count && filter.size('key') === count,
  )
  if (all.length === 0) return undefined
  const sum = new Float64Array(count * count)
  let heads = 0
  for (const filter of all) {
    const weights = filter.values(['head', 'query', 'key'])
    heads += filter.size('head')
    for (let i = 0; i < weights.length; i++) sum[i % sum.length]! += weights[i]!
  }
  return Array.from({ length: count }, (_, query) =>
    Array.from(sum.subarray(query * count, (query + 1) * count), (weight) => weight / heads),
  )
}

/** What some tokens attended to, of all tokens but those that a template put there. */
export function attendedBy(
  name: string,
  tokens: readonly AttendedToken[],
  filter: MeanFilter,
  queries: readonly number[],
): WeightsPart | undefined {
  const own = tokens.flatMap(({ sequence }, i) => (sequence >= 0 ? [i] : []))
  if (queries.length === 0 || own.length === 0) return undefined
  return {
    kind: 'weights',
    name,
    tokens: own.map((i) => tokens[i]!.text),
    weights: own.map((key) => queries.reduce((sum, query) => sum + filter[query]![key]!, 0) / queries.length),
  }
}

/** A word of a text: its tokens. */
interface Word {
  readonly text: string
  readonly tokens: readonly number[]
}

function wordsOf(tokens: readonly AttendedToken[], sequence: number, text: string): Word[] {
  const words: { text: string; tokens: number[]; word: number }[] = []
  tokens.forEach((token, i) => {
    if (token.sequence !== sequence) return
    const last = words.at(-1)
    const piece = text.slice(token.start, token.end) || token.text
    if (last !== undefined && last.word === token.word) {
      last.tokens.push(i)
      last.text += piece
    } else words.push({ text: piece, tokens: [i], word: token.word })
  })
  return words.map(({ text: own, tokens: all }) => ({ text: own.trim(), tokens: all }))
}

/**
 * How much each word of the second text attended to each word of the first, the mean of all heads; the
 * largest is 1.
 */
export function wordsMet(
  name: string,
  tokens: readonly AttendedToken[],
  filter: MeanFilter,
  [first, second]: readonly [string, string],
): MapPart | undefined {
  const [columns, rows] = [wordsOf(tokens, 0, first), wordsOf(tokens, 1, second)]
  if (columns.length === 0 || rows.length === 0) return undefined
  const weights = rows.map((row) =>
    columns.map(
      (column) =>
        row.tokens.reduce(
          (sum, query) => sum + column.tokens.reduce((all, key) => all + filter[query]![key]!, 0),
          0,
        ) / row.tokens.length,
    ),
  )
  const largest = Math.max(1e-9, ...weights.flat())
  return {
    kind: 'map',
    name,
    rows: rows.map(({ text }) => text),
    columns: columns.map(({ text }) => text),
    weights: weights.map((row) => row.map((weight) => weight / largest)),
  }
}

/** Tokens of one text that stand in [start, end). */
export function tokensIn(
  tokens: readonly AttendedToken[],
  sequence: number,
  start: number,
  end: number,
): readonly number[] {
  return tokens.flatMap((token, i) =>
    token.sequence === sequence && token.start < end && token.end > start ? [i] : [],
  )
}

/** The parts that are there. */
export function present(...parts: readonly (AnswerPart | undefined)[]): readonly AnswerPart[] {
  return parts.filter((part) => part !== undefined)
}
