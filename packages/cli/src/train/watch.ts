import type { AttendResult, LossPoint, ModelSummary, Report, Snapshot } from '@heed/studio'
import { titleOf, writeReport } from '../html.js'

/**
 * How the filters on one sentence came about, while a model is trained: the page that shows it, written anew
 * each time.
 */
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
  /** What was measured beside it. */
  readonly metrics?: Readonly<Record<string, number>>
}

/** An entry from a line's JSON; undefined where it is none. JSON has null for what is no finite number. */
export function lossFrom(value: unknown): LossEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { step, loss, validation, metrics } = value as Readonly<Record<string, unknown>>
  const number = (given: unknown): boolean =>
    given === undefined || given === null || typeof given === 'number'
  if (!Number.isSafeInteger(step) || (step as number) < 0 || !number(loss) || !number(validation))
    return undefined
  if (loss === undefined && validation === undefined) return undefined
  return {
    step: step as number,
    ...(loss !== undefined && { loss: (loss as number | null) ?? NaN }),
    ...(validation !== undefined && { validation: (validation as number | null) ?? NaN }),
    ...(typeof metrics === 'object' && metrics !== null && { metrics: metrics as Record<string, number> }),
  }
}

/**
 * The loss curve: a step's entries joined. Evaluations of steps without a loss of their own take the one
 * before.
 */
export function lossPoints(entries: readonly LossEntry[]): LossPoint[] {
  const points = new Map<number, LossPoint>()
  let last: number | undefined
  for (const entry of entries) {
    const { step } = entry
    const [loss, validation] = [entry.loss, entry.validation].map(finite)
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

function finite(value: number | undefined): number | undefined {
  return Number.isFinite(value) ? value : undefined
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
