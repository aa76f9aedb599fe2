import { decay, type Float, kernel, type Kernel } from '../language/index.js'
import { type Launch, launchOf, type LaunchValues } from '../launch.js'
import { inAndPastCaches } from '../past-the-caches.js'
import {
  eachRow,
  rowLargest,
  rowScratchBytes,
  type RowsOperand,
  rowsGoPast,
  rowsPerTask,
  type RowsShape,
  running,
  shiftFor,
  sweep,
  total,
  within,
} from './row.js'
import { reciprocalOrZero } from './softmax.js'

/**
 * Floats that the forward pass keeps of each row: the largest logit, and one over the sum of the exponentials
 * relative to it.
 */
export const crossEntropyStatistics = 2

/** How much each class weighs. */
export interface ClassWeights {
  /** Byte address of one float for each class. */
  readonly address: number
  /** Their mean. */
  readonly mean: number
}

interface CrossEntropyOperands extends RowsShape {
  readonly logits: RowsOperand
  /** Byte address of one i32 for each row, side by side: a class 0 … width − 1, or `ignore`. */
  readonly targets: number
  readonly ignore: number
  /** The share of the target that is spread evenly over all classes. */
  readonly smoothing: number
  /** Where classes weigh differently. */
  readonly weights?: ClassWeights | undefined
  /** Byte address of `crossEntropyStatistics` floats a row. */
  readonly statistics: number
}

export interface CrossEntropyPlan extends CrossEntropyOperands {
  /** Byte address of one float a row: the row's loss, 0 where it is ignored. */
  readonly losses: number
}

/**
 * For each row, (1 − s) w[target] (L − x[target]) + s (mean w × L − mean w x). L is ln Σ exp x, and w the
 * weight of each class (1 without weights). It takes two passes over the logits, and writes nothing of their
 * size. Targets must have been checked.
 */
export function planCrossEntropy(plan: CrossEntropyPlan): Launch[] {
  const { rows, width, logits, targets, ignore, smoothing, weights, statistics, losses } = plan
  if (rows === 0) return []
  const perTask = rowsPerTask(plan)
  const values = {
    rows,
    perTask,
    width,
    logits: logits.address,
    logitsStride: logits.stride,
    targets,
    ignore,
    smoothing,
    ...weightValues(weights),
    statistics,
    losses,
  }
  const kernel = forward(smoothing !== 0, weights !== undefined)
  return [launchOf(kernel, values, Math.ceil(rows / perTask), rowScratchBytes)]
}

const weightParameters = { weights: 'f32*', meanWeight: 'f32' } as const
const forwardParameters = {
  rows: 'i32',
  perTask: 'i32',
  width: 'i32',
  logits: 'f32*',
  logitsStride: 'i32',
  targets: 'i32*',
  ignore: 'i32',
  smoothing: 'f32',
  ...weightParameters,
  statistics: 'f32*',
  losses: 'f32*',
} as const
type ForwardKernel = Kernel<typeof forwardParameters>

const kernels = [false, true].map((weighted) =>
  [false, true].map((smoothed) => forwardKernel(smoothed, weighted)),
)

function forward(smoothed: boolean, weighted: boolean): ForwardKernel {
  return kernels[Number(weighted)]![Number(smoothed)]!
}

function weightValues(weights: ClassWeights | undefined): LaunchValues<typeof weightParameters> {
  return { weights: weights?.address ?? 0, meanWeight: weights?.mean ?? 1 }
}

function forwardKernel(smoothed: boolean, weighted: boolean): ForwardKernel {
  const name = `cross-entropy of rows${smoothed ? ', smoothed' : ''}${weighted ? ', weighted' : ''}`
  return kernel(name, forwardParameters, (k, p, task) => {
    eachRow(k, task, p.perTask, p.rows, (row) => {
      const target = k.loadScalar(p.targets.at(row))
      k.if(
        target.eq(p.ignore),
        () => k.store(p.losses.at(row), k.float(0)),
        () => {
          const logits = p.logits.at(row.mul(p.logitsStride))
          const shift = shiftFor(k, rowLargest(k, logits, p.width))
          const lanesShift = shift.broadcast()
          const sums = running(k, 2, 0)
          const distances = running(k, smoothed ? 2 : 0, 0)
          sweep(k, p.width, 2, (place, u, mask) => {
            const distance = k.load(place(logits), mask).sub(lanesShift)
            sums[u]!.set(sums[u]!.get().add(within(decay(k, distance), mask, 0)))
            if (!smoothed) return
            const far = weighted ? distance.mul(k.load(place(p.weights), mask)) : distance
            distances[u]!.set(distances[u]!.get().add(within(far, mask, 0)))
          })
          const sum = total(k, sums)
          const logarithm = sum.eq(0).select(k.float(0), sum.log())
          const own = k.loadScalar(logits.at(target)).sub(shift)
          // Everything relative to the largest logit: what is near is not lost beside what is large.
          const weight = weighted ? k.loadScalar(p.weights.at(target)) : undefined
          const share = k.float(1).sub(p.smoothing)
          const far = (): Float => total(k, distances).div(p.width.toFloat())
          let loss: Float
          if (weight === undefined)
            loss = logarithm.sub(smoothed ? own.mul(share).add(far().mul(p.smoothing)) : own)
          else {
            loss = logarithm.sub(own).mul(weight)
            if (smoothed) loss = loss.mul(share).add(logarithm.mul(p.meanWeight).sub(far()).mul(p.smoothing))
          }
          k.store(p.losses.at(row), loss)
          const statistics = p.statistics.at(row.mul(crossEntropyStatistics))
          k.store(statistics, shift)
          k.store(statistics.at(1), reciprocalOrZero(k.float(0), sum))
        },
      )
    })
  })
}

export interface CrossEntropyBackwardPlan extends CrossEntropyOperands {
  /** Byte address of the gradient of the losses: one float for each row, or one for all. */
  readonly gradient: number
  /** Whether each row has a gradient of its own. */
  readonly byRow: boolean
  /** What the losses were multiplied by: 1 / rows that count, for their mean. */
  readonly factor: number
  readonly logitsGradient: RowsOperand
}

/**
 * Of each row one element is read again, from memory where the row went past the caches: that only pays where
 * rows are as long as this.
 */
const leastPast = 2 ** 14

/**
 * (softmax × ((1 − s) w[target] + s mean w) − s w / classes − (1 − s) w[target] onehot) × gradient × factor,
 * in one pass; zeros in ignored rows.
 */
export function planCrossEntropyBackward(plan: CrossEntropyBackwardPlan): Launch[] {
  const { rows, width, logits, targets, ignore, smoothing, weights, statistics, logitsGradient } = plan
  if (rows === 0 || width === 0) return []
  const perTask = rowsPerTask(plan)
  const [plain, weighted] = [weights === undefined, smoothing === 0]
  const backward = plain ? plainBackward : weighted ? weightedBackward : weightedSmoothedBackward
  const kernel = backward(width >= leastPast && rowsGoPast(logitsGradient, plan))
  const values = {
    rows,
    perTask,
    width,
    logits: logits.address,
    logitsStride: logits.stride,
    targets,
    ignore,
    smoothing,
    ...weightValues(weights),
    statistics,
    gradient: plan.gradient,
    gradientStride: plan.byRow ? 1 : 0,
    factor: plan.factor,
    logitsGradient: logitsGradient.address,
    logitsGradientStride: logitsGradient.stride,
  }
  return [launchOf(kernel, values, Math.ceil(rows / perTask), rowScratchBytes)]
}

const backwardParameters = {
  rows: 'i32',
  perTask: 'i32',
  width: 'i32',
  logits: 'f32*',
  logitsStride: 'i32',
  targets: 'i32*',
  ignore: 'i32',
  smoothing: 'f32',
  ...weightParameters,
  statistics: 'f32*',
  gradient: 'f32*',
  gradientStride: 'i32',
  factor: 'f32',
  logitsGradient: 'f32*',
  logitsGradientStride: 'i32',
} as const
type BackwardKernel = Kernel<typeof backwardParameters>

const plainBackward = backwardKernel('')
const weightedBackward = backwardKernel(', weighted')
const weightedSmoothedBackward = backwardKernel(', weighted, smoothed')

function backwardKernel(kind: '' | ', weighted' | ', weighted, smoothed'): (past: boolean) => BackwardKernel {
  const weighted = kind !== ''
  const spreadByClass = kind === ', weighted, smoothed'
  return inAndPastCaches(
    `cross-entropy of rows${kind}, backward`,
    backwardParameters,
    (k, p, task, store) => {
      eachRow(k, task, p.perTask, p.rows, (row) => {
        const target = k.loadScalar(p.targets.at(row))
        const logitsGradient = p.logitsGradient.at(row.mul(p.logitsGradientStride))
        k.if(
          target.eq(p.ignore),
          () => sweep(k, p.width, 4, (place, _, mask) => store(place(logitsGradient), k.vector(0), mask)),
          () => {
            const logits = p.logits.at(row.mul(p.logitsStride))
            const statistics = p.statistics.at(row.mul(crossEntropyStatistics))
            const shift = k.loadScalar(statistics).broadcast()
            const scale = k.loadScalar(p.gradient.at(row.mul(p.gradientStride))).mul(p.factor)
            const share = k.float(1).sub(p.smoothing)
            const weight = weighted ? k.loadScalar(p.weights.at(target)).mul(share) : share
            const all = weighted ? scale.mul(p.meanWeight.mul(p.smoothing).add(weight)) : scale
            const probabilityScale = k.loadScalar(statistics.at(1)).mul(all).broadcast()
            const spread = scale.mul(p.smoothing).div(p.width.toFloat()).neg().broadcast()
            sweep(k, p.width, 2, (place, _, mask) => {
              const e = decay(k, k.load(place(logits), mask).sub(shift))
              const away = spreadByClass ? spread.mul(k.load(place(p.weights), mask)) : spread
              store(place(logitsGradient), e.fma(probabilityScale, away), mask)
            })
            const own = logitsGradient.at(target)
            k.store(own, k.loadScalar(own).sub(scale.mul(weight)))
          },
        )
      })
    },
  )
}
