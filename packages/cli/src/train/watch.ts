import {
  renderReport,
  type AttendResult,
  type LossPoint,
  type ModelSummary,
  type Report,
  type Snapshot,
} from '@heed/studio'
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
  /** The model that the training began with; undefined for a new one. */
  readonly from?: string | undefined
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

export function reportOf({ attend, step, finished, model, from, snapshots, losses }: Watched): Report {
  return {
    title: `How ${model.name} ${finished ? 'learned' : 'learns'} to read ${titleOf(attend.text)}`,
    model,
    attend,
    training: {
      steps: lossPoints(losses),
      snapshots,
      ...(!finished && { until: step }),
      ...(from !== undefined && { from }),
    },
  }
}

/** The most points of a small page's loss curve. */
const fewPoints = 250

/**
 * The page in few bytes: weights in 8 bits, losses as means of some steps, as many snapshots as there is room
 * for, evenly over the run.
 */
export function smallPage(watched: Watched, mostBytes: number): string {
  const report = reportOf(watched)
  const { snapshots, steps, ...others } = report.training!
  const means = fewerPoints(steps, fewPoints)
  for (let room = snapshots.length; ;) {
    const chosen = evenly(snapshots, room)
    const page = renderReport({
      ...report,
      bits: 8,
      training: { ...others, steps: means, snapshots: chosen },
    })
    if (page.length <= mostBytes || room === 0) return page
    room = Math.min(room - 1, Math.floor((room * mostBytes) / page.length))
  }
}

/** So many of the items, the first among them. */
function evenly<T>(items: readonly T[], count: number): readonly T[] {
  if (count >= items.length) return items
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!)
}

/** Each point the mean of some, at the last one's step, with the last evaluation among them. */
function fewerPoints(points: readonly LossPoint[], most: number): readonly LossPoint[] {
  const size = Math.ceil(points.length / most)
  const short = (value: number): number => Number(value.toPrecision(5))
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i): LossPoint => {
    const own = points.slice(i * size, (i + 1) * size)
    const validation = own.findLast((point) => point.validation !== undefined)?.validation
    return {
      step: own.at(-1)!.step,
      loss: short(own.reduce((sum, { loss }) => sum + loss, 0) / own.length),
      ...(validation !== undefined && { validation: short(validation) }),
    }
  })
}

export async function writeWatched(path: string, watched: Watched): Promise<void> {
  await writeReport(path, reportOf(watched))
}
