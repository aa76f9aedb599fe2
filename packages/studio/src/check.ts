import { UsageError } from 'heed'
import type { LayerView, Report } from './types.js'

/** Largest total of filter weights that one page holds, in bytes (two per weight, before compression). */
export const FILTER_BYTES: number = 256 * 1024 * 1024

/** Room for rounding in a weight that should lie between 0 and 1. */
const ROUNDING = 1e-3

function refuse(expected: string, found: string, hint: string): never {
  throw new UsageError({ operation: 'renderReport', expected, found, hint })
}

function checkFilter(filter: readonly (readonly number[])[], tokens: number, where: string): void {
  if (filter.length !== tokens) {
    refuse(
      `${where} to have ${tokens} rows, one per token`,
      `${filter.length}`,
      'give each head its whole filter',
    )
  }
  for (let query = 0; query < tokens; query++) {
    const row = filter[query]!
    if (row.length !== tokens) {
      refuse(
        `row ${query} of ${where} to have ${tokens} weights`,
        `${row.length}`,
        'write 0 for a key that the query may not attend to',
      )
    }
    for (let key = 0; key < tokens; key++) {
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

function checkLayers(
  layers: readonly LayerView[],
  heads: readonly number[],
  tokens: number,
  where: string,
): void {
  if (layers.length !== heads.length) {
    refuse(
      `${heads.length} layers in ${where}`,
      `${layers.length}`,
      'take every snapshot from the model that attended',
    )
  }
  for (const [layer, { heads: views }] of layers.entries()) {
    if (views.length !== heads[layer]) {
      refuse(
        `${heads[layer]} heads in layer ${layer} of ${where}`,
        `${views.length}`,
        'take every snapshot from the model that attended',
      )
    }
    for (const [head, view] of views.entries()) {
      checkFilter(view.filter, tokens, `the filter of layer ${layer}, head ${head} of ${where}`)
    }
  }
}

/**
 * Refuses a report that can't be shown.
 *
 * @throws {UsageError} when it has no tokens or heads, when a filter isn't tokens × tokens or holds a weight
 * outside 0 to 1, when a probability or a step is none, when a snapshot has other layers or heads than `attend`, or when all filters together are
 * larger than {@link FILTER_BYTES}.
 */
export function checkReport(report: Report): void {
  const { attend, training } = report
  const tokens = attend.tokens.length
  const heads = attend.layers.map((layer) => layer.heads.length)
  const headCount = heads.reduce((sum, count) => sum + count, 0)
  if (tokens === 0) refuse('at least one token', 'none', 'give a text that is not empty')
  if (headCount === 0) refuse('at least one attention head', 'none', 'observe a model that attends')
  const frames = 1 + (training?.snapshots.length ?? 0)
  const bytes = 2 * frames * headCount * tokens * tokens
  if (bytes > FILTER_BYTES) {
    refuse(
      `at most ${FILTER_BYTES} bytes of filters`,
      `${bytes} (${frames} × ${headCount} heads × ${tokens} × ${tokens} weights)`,
      'shorten the text, or keep fewer snapshots',
    )
  }
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
  checkLayers(attend.layers, heads, tokens, 'attend')
  training?.snapshots.forEach((snapshot, index) => {
    if (!Number.isFinite(snapshot.step)) {
      refuse(`a number as the step of snapshot ${index}`, `${snapshot.step}`, 'give the training step')
    }
    checkLayers(snapshot.layers, heads, tokens, `snapshot ${index} (step ${snapshot.step})`)
  })
}
