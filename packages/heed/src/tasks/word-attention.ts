/** What is read from filters: which word met which, and what single tokens attended to. */
import { checkNames, checkWhole, inWords, UsageError } from '../base/index.js'
import { concat, keep, scope, type Tensor, tensor } from '../tensor/index.js'
import type { AttendedToken, Attention, Filter } from './attention.js'

/** Which filters are averaged. */
export interface FilterChoice {
  /** Numbers of filters in their order; for an encoder, of its layers. Default all. */
  readonly layers?: readonly number[] | undefined
  /** Numbers of heads. Default all. */
  readonly heads?: readonly number[] | undefined
}

/** Between which texts of a pair words are looked at. */
export interface WordAttentionOptions extends FilterChoice {
  /** The text whose words attend, 0 or 1. Default the second of a pair: the hypothesis. */
  readonly from?: 0 | 1 | undefined
  /** The text whose words are attended to. Default the first: the premise. */
  readonly to?: 0 | 1 | undefined
}

/** A word of a text. */
export interface AttendedWord {
  /** As its tokens spell it. */
  readonly text: string
  /** Its place in its text, [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
  /** The positions of its tokens. */
  readonly positions: readonly number[]
}

/** Words against words. `attentionPage(filter, labels)` of `@heed/studio` draws it. */
export interface WordAttention {
  /** Each row is what a word gives of its attention to the words of the other text: 1 at most. */
  readonly filter: Tensor<'query' | 'key'>
  readonly labels: { readonly query: readonly string[]; readonly key: readonly string[] }
  readonly queries: readonly AttendedWord[]
  readonly keys: readonly AttendedWord[]
}

/**
 * How much the words of one text attended to the words of another: over the tokens of the word that attends
 * the mean, over those of the word that is attended to the sum; the mean of the chosen layers and heads. What
 * went to the template's tokens and to the text itself is left out.
 *
 * @throws UsageError for attention without tokens, a text without words, or layers and heads that aren't
 * there
 */
export function wordAttention(attention: Attention, options: WordAttentionOptions = {}): WordAttention {
  checkNames(operation, options, ['layers', 'heads', 'from', 'to'])
  const tokens = tokensOf(attention)
  const isPair = tokens.some(({ sequence }) => sequence === 1)
  const { from = isPair ? 1 : 0, to = 0 } = options
  const weights = meanFilter(attention, options)
  const [queries, keys] = [wordsOf(tokens, from), wordsOf(tokens, to)]
  for (const [text, words] of [
    [from, queries],
    [to, keys],
  ] as const)
    if (words.length === 0)
      throw refused(
        `words in text ${text}`,
        'none',
        isPair ? 'from and to are 0 or 1' : 'give a pair of texts',
      )
  const sums = queries.flatMap((query) =>
    keys.map((key) => {
      let sum = 0
      for (const i of query.positions) for (const j of key.positions) sum += weights[i * tokens.length + j]!
      // Rounding may lead beyond 1.
      return Math.min(1, sum / query.positions.length)
    }),
  )
  return {
    filter: keep(tensor(sums, { query: queries.length, key: keys.length })),
    labels: { query: queries.map(({ text }) => text), key: keys.map(({ text }) => text) },
    queries,
    keys,
  }
}

/** A token, and how much of the attention it has. */
export interface AttendedWeight {
  readonly token: AttendedToken
  readonly position: number
  readonly weight: number
}

/**
 * What the token at a position attended to: every token with the mean of the chosen layers and heads, the
 * most attended first. The weights sum to 1.
 *
 * @throws UsageError for attention without tokens, and for a position, layers or heads that aren't there
 */
export function attendedBy(
  attention: Attention,
  position: number,
  options: FilterChoice = {},
): AttendedWeight[] {
  checkNames(operation, options, ['layers', 'heads'])
  const tokens = tokensOf(attention)
  checkPosition(position, tokens.length)
  const weights = meanFilter(attention, options)
  return tokens
    .map((token, i) => ({ token, position: i, weight: weights[position * tokens.length + i]! }))
    .sort((a, b) => b.weight - a.weight || a.position - b.position)
}

/**
 * The same filters, with the rows of these positions alone: what an answer's first and last token attended
 * to, as `@heed/studio` draws it.
 *
 * @throws UsageError for attention without tokens, and for positions that aren't there
 */
export function attentionOfPositions(attention: Attention, positions: readonly number[]): Attention {
  const tokens = tokensOf(attention)
  if (positions.length === 0) throw refused('at least one position', 'none', 'name one')
  for (const position of positions) checkPosition(position, tokens.length)
  const rows = (filter: Filter): Filter =>
    keep(
      concat(
        positions.map((position) => filter.slice('query', position, position + 1)),
        'query',
      ),
    )
  return {
    filters: Object.fromEntries(
      Object.entries(attention.filters).map(([name, filter]) => [name, rows(filter)]),
    ),
    labels: {
      query: positions.map((position) => tokens[position]!.text),
      key: tokens.map(({ text }) => text),
    },
  }
}

const operation = 'wordAttention'

function tokensOf({ tokens }: Attention): readonly AttendedToken[] {
  if (tokens !== undefined) return tokens
  throw refused('attention with its tokens', 'one without', 'take that of a task that reads')
}

function checkPosition(position: number, count: number): void {
  checkWhole(operation, 'a position', position)
  if (position >= count) throw refused(`a position below ${count}`, String(position), 'count from 0')
}

/** The mean of the chosen filters: `query key`, in f64. */
function meanFilter({ filters }: Attention, { layers, heads }: FilterChoice): Float64Array {
  const all = Object.values(filters)
  const chosen = (layers ?? all.map((_, i) => i)).map((layer) => {
    const filter = all[layer]
    if (filter !== undefined) return filter
    throw refused(`layers from 0 to ${all.length - 1}`, inWords(layer), 'count from 0')
  })
  let count = 0
  const size = all[0] === undefined ? 0 : all[0].size('query') * all[0].size('key')
  const sum = new Float64Array(size)
  for (const filter of chosen) {
    const weights = scope(() => filter.values(['head', 'query', 'key']))
    for (const head of heads ?? Array.from({ length: filter.size('head') }, (_, i) => i)) {
      if (!Number.isInteger(head) || head < 0 || head >= filter.size('head'))
        throw refused(`heads from 0 to ${filter.size('head') - 1}`, inWords(head), 'count from 0')
      for (let i = 0; i < size; i++) sum[i]! += weights[head * size + i]!
      count++
    }
  }
  if (count === 0) throw refused('at least one layer and one head', 'none', 'name some, or leave them out')
  return sum.map((weight) => weight / count)
}

/** Tokens of a text that are of one word. */
function wordsOf(tokens: readonly AttendedToken[], text: number): AttendedWord[] {
  const words: { word: number; text: string; start: number; end: number; positions: number[] }[] = []
  for (const [position, token] of tokens.entries()) {
    if (token.sequence !== text) continue
    const last = words.at(-1)
    if (last === undefined || token.word < 0 || last.word !== token.word)
      words.push({
        word: token.word,
        text: token.text.trimStart(),
        start: token.start,
        end: token.end,
        positions: [position],
      })
    else {
      last.text += token.text
      last.end = token.end
      last.positions.push(position)
    }
  }
  return words.map(({ text, start, end, positions }) => ({ text, start, end, positions }))
}

function refused(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation, expected, found, hint })
}
