import { loadRecords, openTask, type HeadCost, type HeadRow } from 'heed'
import { measuredHeads, sampled, type MeasuredHeads } from '../../evaluate/heads.js'
import { countText, durationText } from '../../format.js'
import type { RunOptions } from '../run.js'
import type { RecipeConfig } from './config.js'
import type { Measurements } from './measurements.js'

/** What each head is worth to an evaluation, and what it does with the first of its texts. */
export interface HeadsResult extends Omit<MeasuredHeads, 'heads' | 'table'> {
  /** Of the evaluation. */
  readonly name: string
  readonly heads: readonly (HeadCost & Partial<HeadRow>)[]
}

/** Measures a finished model without each of its heads, where the configuration asks for it. */
export async function measureHeads(
  { heads: config, training }: RecipeConfig,
  folder: string,
  measurements: Measurements,
  { progress, signal }: Pick<RunOptions, 'progress'> & { readonly signal: AbortSignal },
): Promise<HeadsResult | undefined> {
  if (config === undefined) return undefined
  const { evaluation, sample, ablation, metric } = config
  const { name, task, data } = evaluation
  const all = await loadRecords(data, { operation: 'evaluate' })
  const { seed } = training
  const { records, settings: own } = sampled(task, all, sample, seed)
  const settings = { ...evaluation.settings, ...own }
  const measure = async (): Promise<HeadsResult> => {
    const opened = await openTask(folder, task, settings)
    let since = performance.now()
    const told = (done: number, total: number): void => {
      // The first run, of the whole model, also prepares what the others use.
      if (done === 1) {
        since = performance.now()
        return
      }
      const left = durationText(((performance.now() - since) / 1000 / (done - 1)) * (total - done))
      if (done === 2) progress.note(`what each of ${total - 1} heads is worth to ${name}: ${left}`)
      progress.stage(`without head ${countText(done)} of ${countText(total - 1)}, ${left} left`)
    }
    try {
      const found = await measuredHeads(opened, records, { ablation, metric, seed, signal, progress: told })
      const { table, heads, ...others } = found
      const rowOf = ({ attention, head }: HeadCost): HeadRow | undefined =>
        table.find((row) => row.attention === attention && row.head === head)
      return { name, ...others, heads: heads.map((head) => rounded({ ...rowOf(head), ...head })) }
    } finally {
      opened.dispose()
    }
  }
  return measurements.of(folder, settings, ['heads', task, ablation, metric ?? null, seed, records], measure)
}

/** Numbers of six digits. */
function rounded<T>(value: T): T {
  if (typeof value === 'number') return Number(value.toPrecision(6)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, rounded(own)])) as T
}
