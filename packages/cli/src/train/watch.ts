import type { AttendResult, LayerView, LossPoint, ModelSummary, Report, Snapshot } from '@heed/studio'
import { titleOf, writeReport } from '../html.js'

/** How the filters on one sentence came about, while a model is trained: the page that shows it, written anew each time. */
export interface Watched {
  /** The sentence, as the model attends to it now, after `step` steps. */
  readonly attend: AttendResult
  readonly step: number
  /** Whether that was the last step. */
  readonly finished: boolean
  readonly model: ModelSummary
  /** From before. */
  readonly snapshots: readonly Snapshot[]
  readonly losses: readonly LossEntry[]
}

/** A step's loss, and that of an evaluation after it where there was one. */
export interface LossEntry {
  readonly step: number
  readonly loss?: number
  readonly validation?: number
}

/** A frame of a film takes so many digits. */
const digits = 4

/** The filters of a result, in the digits that a page shows. */
export function snapshotOf(step: number, { layers }: AttendResult): Snapshot {
  const short = (value: number): number => Number(value.toFixed(digits))
  return {
    step,
    layers: layers.map(({ heads }): LayerView => ({
      heads: heads.map(({ filter, entropy, previous, first, induction }) => ({
        filter: filter.map((row) => row.map(short)),
        entropy: short(entropy),
        previous: short(previous),
        first: short(first),
        induction: short(induction),
      })),
    })),
  }
}

/** The loss curve: a step's entries joined. Evaluations of steps without a loss of their own take the one before. */
export function lossPoints(entries: readonly LossEntry[]): LossPoint[] {
  const points = new Map<number, LossPoint>()
  let last: number | undefined
  for (const { step, loss, validation } of entries) {
    last = loss ?? points.get(step)?.loss ?? last
    if (last === undefined) continue
    const known = points.get(step)
    points.set(step, {
      step,
      loss: loss ?? known?.loss ?? last,
      ...((validation ?? known?.validation) !== undefined && {
        validation: (validation ?? known?.validation)!,
      }),
    })
  }
  return [...points.values()]
}

export function reportOf({ attend, step, finished, model, snapshots, losses }: Watched): Report {
  return {
    title: `How ${model.name} ${finished ? 'learned' : 'learns'} to read ${titleOf(attend.text)}`,
    model,
    attend,
    training: { steps: lossPoints(losses), snapshots, ...(!finished && { until: step }) },
  }
}

export async function writeWatched(path: string, watched: Watched): Promise<void> {
  await writeReport(path, reportOf(watched))
}
