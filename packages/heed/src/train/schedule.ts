import { checkNames, UsageError } from '../base/index.js'

/**
 * The learning rate of a step. Steps count from 0: with a warm-up the first update has rate 0 (Vaswani's
 * apart).
 */
export type Schedule = (step: number) => number

/**
 * A learning rate that rises to `peak` and stays there. Rates are factors on the step; steps count updates of
 * the weights.
 */
export interface ConstantSchedule {
  /** The highest rate. */
  readonly peak: number
  /** Steps in which the rate rises in a line from 0. Default 0. */
  readonly warmUp?: number
}

/**
 * A learning rate that rises to `peak` and has fallen to `minimum` at step `total`: for `cosineSchedule` and
 * `linearSchedule`.
 */
export interface FallingSchedule extends ConstantSchedule {
  /** The step at which the rate has fallen to the minimum; it stays there. */
  readonly total: number
  /** Default 0. */
  readonly minimum?: number
}

/** peak × min(1, step / warmUp). */
export function constantSchedule(options: ConstantSchedule): Schedule {
  const { peak, warmUp = 0 } = options
  check('constantSchedule', { peak, warmUp }, options)
  return (step) => peak * rise(step, warmUp)
}

/** Rises to the peak at step warmUp, then falls in a line to the minimum at step total. */
export function linearSchedule(options: FallingSchedule): Schedule {
  const { peak, warmUp = 0, total, minimum = 0 } = options
  check('linearSchedule', { peak, warmUp, total, minimum }, options)
  return (step) =>
    step < warmUp ? peak * rise(step, warmUp) : minimum + (peak - minimum) * (1 - fallen(step, warmUp, total))
}

/**
 * Rises to the peak at step warmUp, then falls along half a cosine to the minimum at step total (Loshchilov
 * and Hutter 2017, without restarts).
 */
export function cosineSchedule(options: FallingSchedule): Schedule {
  const { peak, warmUp = 0, total, minimum = 0 } = options
  check('cosineSchedule', { peak, warmUp, total, minimum }, options)
  return (step) =>
    step < warmUp
      ? peak * rise(step, warmUp)
      : minimum + (peak - minimum) * 0.5 * (1 + Math.cos(Math.PI * fallen(step, warmUp, total)))
}

/**
 * A learning rate that rises, stays at `peak`, and falls in the last `coolDown` steps: for
 * `trapezoidSchedule`.
 */
export interface TrapezoidSchedule extends FallingSchedule {
  /** Steps at the end in which the rate falls in a line to the minimum. */
  readonly coolDown: number
}

/** Warm-up, a plateau at the peak, and a fall in a line over the last coolDown steps (Hägele et al. 2024). */
export function trapezoidSchedule(options: TrapezoidSchedule): Schedule {
  const { peak, warmUp = 0, total, coolDown, minimum = 0 } = options
  check('trapezoidSchedule', { peak, warmUp, total, coolDown, minimum }, options)
  const fall = Math.max(warmUp, total - coolDown)
  return (step) =>
    step < warmUp ? peak * rise(step, warmUp) : minimum + (peak - minimum) * (1 - fallen(step, fall, total))
}

/**
 * A learning rate that rises for `warmUp` steps, then falls with the root of the step: for
 * `inverseSquareRootSchedule`.
 */
export interface InverseSquareRootSchedule {
  /** The model's width. */
  readonly width: number
  readonly warmUp: number
  /** A factor on all of it. Default 1. */
  readonly scale?: number
}

/**
 * Vaswani et al. 2017, equation 3, whose steps count from 1: scale × width^−½ × min(n^−½, n × warmUp^−1.5)
 * with n = step + 1.
 */
export function inverseSquareRootSchedule(options: InverseSquareRootSchedule): Schedule {
  const { width, warmUp, scale = 1 } = options
  check('inverseSquareRootSchedule', { width, warmUp, scale }, options)
  return (step) =>
    scale * width ** -0.5 * Math.min((step + 1) ** -0.5, (step + 1) * Math.max(1, warmUp) ** -1.5)
}

/** From 0 at step 0 to 1 at step warmUp. */
function rise(step: number, warmUp: number): number {
  return Math.min(1, step / Math.max(1, warmUp)) || (warmUp === 0 ? 1 : 0)
}

/** From 0 at step `from` to 1 at step total. */
function fallen(step: number, from: number, total: number): number {
  return Math.min(1, Math.max(0, (step - from) / Math.max(1, total - from)))
}

/** Refuses numbers that make no sense, and names of `given` beside theirs. */
function check(operation: string, options: Readonly<Record<string, number>>, given: object): void {
  checkNames(operation, given, Object.keys(options))
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isFinite(value) || value < 0) {
      throw new UsageError({
        operation,
        expected: `${name} to be a number of at least 0`,
        found: String(value),
        hint: 'correct that option',
      })
    }
  }
}
