import { UsageError } from 'heed'
import { layersOf, type PlacedLayer } from './layers.js'
import type { LayerView, Report } from './types.js'

/** Largest total of filter weights that one page holds, in bytes (two per weight, before compression). */
export const FILTER_BYTES: number = 256 * 1024 * 1024

/** Room for rounding in a weight that should lie between 0 and 1. */
const ROUNDING = 1e-3

function refuse(expected: string, found: string, hint: string): never {
  throw new UsageError({ operation: 'report', expected, found, hint })
}

function checkFilter(
  filter: readonly (readonly number[])[],
  queries: number,
  keys: number,
  where: string,
): void {
  if (filter.length !== queries) {
    refuse(
      `${where} to have ${queries} rows, one per query`,
      `${filter.length}`,
      'give each head its whole filter',
    )
  }
  for (let query = 0; query < queries; query++) {
    const row = filter[query]!
    if (row.length !== keys) {
      refuse(
        `row ${query} of ${where} to have ${keys} weights`,
        `${row.length}`,
        'write 0 for a key that the query may not attend to',
      )
    }
    for (let key = 0; key < keys; key++) {
      const weight = row[key]!
      if (!(weight >= -ROUNDING && weight <= 1 + ROUNDING)) {
        refuse(
          `weights between 0 and 1 in row ${query} of ${where}`,
          `${weight} at key ${key}`,
          'normalize the scores first',
        )
      }
    }
  }
}

function checkLayers(layers: readonly LayerView[], expected: readonly PlacedLayer[], where: string): void {
  if (layers.length !== expected.length) {
    refuse(
      `${expected.length} layers in ${where}`,
      `${layers.length}`,
      'take every snapshot from the model that attended',
    )
  }
  for (const [layer, { heads: views }] of layers.entries()) {
    const { view, queries, keys } = expected[layer]!
    if (views.length !== view.heads.length) {
      refuse(
        `${view.heads.length} heads in layer ${layer} of ${where}`,
        `${views.length}`,
        'take every snapshot from the model that attended',
      )
    }
    for (const [head, { filter }] of views.entries()) {
      checkFilter(
        filter,
        queries.length,
        keys.length,
        `the filter of layer ${layer}, head ${head} of ${where}`,
      )
    }
  }
}

/** Refuses more weights than one page holds, see {@link FILTER_BYTES}. */
export function checkSize(weights: number): void {
  if (2 * weights <= FILTER_BYTES) return
  refuse(
    `at most ${FILTER_BYTES / 2} weights`,
    `${weights}`,
    'shorten the text, show fewer layers, or keep fewer snapshots',
  )
}

/**
 * Refuses a report that can't be shown.
 *
 * @throws {UsageError} when it has no tokens or heads, when a filter isn't queries × keys or holds a weight
 *   outside 0 to 1, when a probability or a step is none, when a snapshot has other layers or heads than
 *   `attend`, or when all filters together are larger than {@link FILTER_BYTES}.
 */
export function checkReport(report: Report): void {
  const { attend, training } = report
  const layers = layersOf(attend)
  const texts = [attend.tokens, ...layers.flatMap(({ queries, keys }) => [queries, keys])]
  if (texts.some((tokens) => tokens.length === 0)) {
    refuse('at least one token', 'none', 'give a text that is not empty')
  }
  if (layers.every(({ view }) => view.heads.length === 0)) {
    refuse('at least one attention head', 'none', 'observe a model that attends')
  }
  const weights = layers.reduce(
    (sum, { view, queries, keys }) => sum + view.heads.length * queries.length * keys.length,
    0,
  )
  checkSize((1 + (training?.snapshots.length ?? 0)) * weights)
  for (const { id, probability } of attend.next) {
    if (!(probability >= 0 && probability <= 1 + ROUNDING)) {
      refuse(
        `a probability between 0 and 1 for the next token ${id}`,
        `${probability}`,
        'apply softmax first',
      )
    }
  }
  for (const [index, { step }] of (training?.steps ?? []).entries()) {
    if (!Number.isFinite(step)) {
      refuse(`a number as the step of loss ${index}`, `${step}`, 'give the training step')
    }
  }
  if (training?.until !== undefined && !Number.isFinite(training.until)) {
    refuse('a number as the step of attend', `${training.until}`, 'give the training step')
  }
  checkLayers(attend.layers, layers, 'attend')
  training?.snapshots.forEach((snapshot, index) => {
    if (!Number.isFinite(snapshot.step)) {
      refuse(`a number as the step of snapshot ${index}`, `${snapshot.step}`, 'give the training step')
    }
    checkLayers(snapshot.layers, layers, `snapshot ${index} (step ${snapshot.step})`)
  })
}
