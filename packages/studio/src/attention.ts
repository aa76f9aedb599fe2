import { headScores, isTensor, ShapeError, UsageError, type Tensor } from 'heed'
import { checkReport, checkSize } from './check.js'
import { attendPicture, type PictureOptions } from './picture/picture.js'
import { renderReport } from './report.js'
import type { AttendResult, HeadView, LayerView, ModelSummary, Prediction, Token } from './types.js'

/** A tensor of heed, whatever its axes. */
export type AnyTensor = Pick<Tensor<string>, 'describe'> & { readonly axes: readonly string[] }

/** What `collect` or `observe` of heed gave: filters by their names, or one filter. */
export type Filters = ReadonlyMap<string, AnyTensor> | Readonly<Record<string, AnyTensor>> | AnyTensor

/**
 * The texts of a filter's positions: one list for self-attention, a list for each axis for cross-attention.
 * `tokenLabels` of heed makes them from ids.
 */
export type Labels =
  | readonly string[]
  | { readonly query: readonly string[]; readonly key: readonly string[] }

/** Labels for all filters, or for those that a pattern names, `*` standing for any one part of a name. */
export type LabelsByName = Labels | Readonly<Record<string, Labels>>

/** Which sequence of a batch is shown, and what the model expects after it. */
export interface AttentionOptions {
  /** Positions of axes other than `head`, `query` and `key`: `{ batch: 2 }`. Axes of size 1 need none. */
  readonly at?: Readonly<Record<string, number>>
  /** What the model expects after the text. */
  readonly next?: readonly Prediction[]
}

/** The heading of the page, and the model that it names. */
export interface AttentionPageOptions extends AttentionOptions {
  /** The page's heading; default the first tokens. */
  readonly title?: string
  readonly model?: ModelSummary
}

/**
 * The page that shows the attention filters of any model, as one HTML document that loads nothing else.
 *
 *     const { values } = collect(['blocks.*.attention.filter'], () => model(ids))
 *     writeFileSync('attention.html', attentionPage(values, ['The', ' cat', ' sat']))
 *
 * @param filters `query` × `key` weights by their names, `head` × … where there are several heads; other
 *   values are passed over
 * @param labels the texts of their positions
 * @throws UsageError where there is no filter, a pattern names none, weights aren't between 0 and 1, or an
 *   axis needs `at`
 * @throws ShapeError where there are not as many labels as positions
 */
export function attentionPage(
  filters: Filters,
  labels: LabelsByName,
  options: AttentionPageOptions = {},
): string {
  const attend = attentionResult(filters, labels, options)
  const { title = titleOf(attend.text), model } = options
  return renderReport({ title, attend, ...(model !== undefined && { model }) })
}

/**
 * The picture of attention filters for the terminal: a heat map for each head, the heads' scores, and where
 * the last token looks. Filters and labels are those of `attentionPage`, and so are the errors.
 *
 * @param options where it is to be shown (default the standard output: its width, its colours), and which
 *   heads
 */
export function attentionText(
  filters: Filters,
  labels: LabelsByName,
  options: AttentionOptions & PictureOptions = {},
): string {
  return attendPicture(attentionResult(filters, labels, options), options)
}

/**
 * What {@link attentionPage} and {@link attentionText} show: filters with their labels, and each head's
 * scores.
 */
export function attentionResult(
  filters: Filters,
  labels: LabelsByName,
  { at = {}, next = [] }: AttentionOptions = {},
): AttendResult {
  const chosen = chosenFilters(filters, labels)
  checkSize(
    chosen.reduce((sum, { filter }) => sum + headsOf(filter) * filter.size('query') * filter.size('key'), 0),
  )
  const names = layerNames(chosen.map(({ name }) => name))
  const tokensOf = tokenLists()
  const layers = chosen.map(({ name, filter, labels: own }, index): LayerView => {
    const [query, key] = 'query' in own ? [own.query, own.key] : [own, own]
    checkLabels(name, filter, 'query', query)
    checkLabels(name, filter, 'key', key)
    const [queries, keys] = [tokensOf(query), tokensOf(key)]
    return { name: names[index]!, queries, keys, heads: headViews(name, filter, queries, keys, at) }
  })
  const tokens = layers[0]!.queries!
  const result = { text: tokens.map(({ text }) => text).join(''), tokens, layers, next }
  checkReport({ title: '', attend: result })
  return result
}

interface Chosen {
  readonly name: string
  readonly filter: Tensor<string>
  readonly labels: Labels
}

function refuse(expected: string, found: string, hint: string): never {
  throw new UsageError({ operation: 'attention', expected, found, hint })
}

const isLabels = (labels: LabelsByName): labels is Labels =>
  Array.isArray(labels) || (Array.isArray(labels['query' as never]) && Array.isArray(labels['key' as never]))

/** The filters to show, in the order of the patterns, then of the run. */
function chosenFilters(filters: Filters, labels: LabelsByName): Chosen[] {
  const entries = (
    isTensor(filters)
      ? [['attention', filters]]
      : filters instanceof Map
        ? [...filters]
        : Object.entries(filters)
  ) as [string, Tensor<string>][]
  const found = entries.filter(([, { axes }]) => axes.includes('query') && axes.includes('key'))
  if (found.length === 0) {
    refuse(
      'a filter with the axes query and key',
      entries.length === 0
        ? 'no values'
        : entries.map(([name, value]) => `${name}: ${value.describe()}`).join('; '),
      "collect 'blocks.*.attention.filter', or rename the axes of your own: filter.rename({ position: 'query' })",
    )
  }
  if (isLabels(labels)) return found.map(([name, filter]) => ({ name, filter, labels }))
  return Object.entries(labels).flatMap(([pattern, own]) => {
    const named = found.filter(([name]) => matches(pattern, name))
    if (named.length === 0) {
      refuse(
        `a filter named '${pattern}'`,
        found.map(([name]) => name).join(', '),
        'write the names as collect has them, * for any one part',
      )
    }
    return named.map(([name, filter]) => ({ name, filter, labels: own }))
  })
}

function matches(pattern: string, name: string): boolean {
  const [wanted, parts] = [pattern.split('.'), name.split('.')]
  return wanted.length === parts.length && wanted.every((part, i) => part === '*' || part === parts[i])
}

function headsOf(filter: Tensor<string>): number {
  return filter.axes.includes('head') ? filter.size('head') : 1
}

function checkLabels(name: string, filter: Tensor<string>, axis: string, labels: readonly string[]): void {
  if (filter.size(axis) === labels.length) return
  throw new ShapeError({
    operation: 'attention',
    expected: `${filter.size(axis)} labels for the axis ${axis} of ${name}, ${filter.describe()}`,
    found: `${labels.length}`,
    hint:
      labels.length < filter.size(axis)
        ? `label padding too, or leave it out: filter.slice('${axis}', 0, ${labels.length})`
        : 'give a text for each position; { query: …, key: … } where they differ',
  })
}

/** Tokens from labels; equal lists are one, and the same text is the same token. */
function tokenLists(): (labels: readonly string[]) => readonly Token[] {
  const lists = new Map<string, readonly Token[]>()
  const ids = new Map<string, number>()
  return (labels) => {
    const name = JSON.stringify(labels)
    const known = lists.get(name)
    if (known !== undefined) return known
    let end = 0
    const tokens = labels.map((text): Token => {
      const id = ids.get(text) ?? ids.size
      ids.set(text, id)
      end += text.length
      return { id, text, start: end - text.length, end }
    })
    lists.set(name, tokens)
    return tokens
  }
}

function headViews(
  name: string,
  whole: Tensor<string>,
  queries: readonly Token[],
  keys: readonly Token[],
  at: Readonly<Record<string, number>>,
): HeadView[] {
  let filter = whole
  for (const axis of whole.axes) {
    if (axis === 'head' || axis === 'query' || axis === 'key') continue
    const [size, place] = [whole.size(axis), at[axis] ?? 0]
    if (size > 1 && at[axis] === undefined) {
      refuse(`one position of the axis ${axis} of ${name}`, `${size}`, `choose it: { at: { ${axis}: 0 } }`)
    }
    if (!Number.isInteger(place) || place < 0 || place >= size) {
      refuse(`a position from 0 to ${size - 1} of the axis ${axis} of ${name}`, `${place}`, 'count from 0')
    }
    filter = filter.at(axis, place) as unknown as Tensor<string>
  }
  const many = filter.axes.includes('head')
  const weights = filter.values(many ? ['head', 'query', 'key'] : ['query', 'key'])
  const size = queries.length * keys.length
  return Array.from({ length: headsOf(filter) }, (_, head) => {
    const own = Array.from(weights.subarray(head * size, (head + 1) * size))
    const rows = queries.map((__, query) => own.slice(query * keys.length, (query + 1) * keys.length))
    return { filter: rows, ...scoresOf(rows, own, queries, keys) }
  })
}

/** A head's scores; those that compare a text with itself say nothing of cross-attention. */
function scoresOf(
  rows: readonly (readonly number[])[],
  weights: ArrayLike<number>,
  queries: readonly Token[],
  keys: readonly Token[],
): Omit<HeadView, 'filter'> {
  if (queries === keys) {
    return headScores(
      weights,
      queries.map(({ id }) => id),
    )
  }
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
  const entropies = rows
    .filter((row) => row.some((weight) => weight > 0))
    .map((row) => row.reduce((sum, weight) => (weight > 0 ? sum - weight * Math.log(weight) : sum), 0))
  return {
    entropy: Math.max(0, mean(entropies)),
    previous: Number.NaN,
    first: mean(rows.map((row) => row[0]!)),
    induction: Number.NaN,
  }
}

/**
 * Names for layers: those of their values without what all share and the last part, `filter`: `decoder 3
 * crossAttention`.
 */
function layerNames(names: readonly string[]): string[] {
  const parts = names.map((name) => {
    const all = name.split('.')
    return all.length > 1 && all.at(-1) === 'filter' ? all.slice(0, -1) : all
  })
  const shared = (part: string): boolean =>
    !/^\d+$/.test(part) && parts.every((others) => others.includes(part))
  return parts.map((own) => own.filter((part) => !shared(part)).join(' ') || own.join(' '))
}

/** A title that fits a heading: the text, or its beginning. */
export function titleOf(text: string): string {
  const words = text.replace(/\s+/g, ' ').trim()
  const characters = [...words]
  return characters.length <= 70 ? `“${words}”` : `“${characters.slice(0, 69).join('').trimEnd()}…”`
}
