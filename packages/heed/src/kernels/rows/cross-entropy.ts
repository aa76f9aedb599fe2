import { decay, kernel, type Kernel } from '../language/index.js'
import type { Launch } from '../launch.js'
import { bothWays } from '../past.js'
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

/** Floats that the forward pass keeps of each row: the largest logit, and one over the sum of the exponentials relative to it. */
export const crossEntropyStatistics = 2

interface CrossEntropyOperands extends RowsShape {
  readonly logits: RowsOperand
  /** Byte address of one i32 for each row, side by side: a class 0 … width − 1, or `ignore`. */
  readonly targets: number
  readonly ignore: number
  /** The share of the target that is spread evenly over all classes. */
  readonly smoothing: number
  /** Byte address of `crossEntropyStatistics` floats a row. */
  readonly statistics: number
}

export interface CrossEntropyPlan extends CrossEntropyOperands {
  /** Byte address of one float a row: the row's loss, 0 where it is ignored. */
  readonly losses: number
}

/**
 * For each row, (1 − s) (L − x[target]) + s (L − mean x) with L = ln Σ exp x: two passes over the logits, nothing of their size is written.
 * Targets must have been checked.
 */
export function planCrossEntropy(plan: CrossEntropyPlan): Launch[] {
  const { rows, width, logits, targets, ignore, smoothing, statistics, losses } = plan
  if (rows === 0) return []
  const perTask = rowsPerTask(plan)
  return [
    {
      kernel: smoothing === 0 ? plainKernel : smoothedKernel,
      parameters: [
        rows,
        perTask,
        width,
        logits.address,
        logits.stride,
        targets,
        ignore,
        smoothing,
        statistics,
        losses,
      ],
      tasks: Math.ceil(rows / perTask),
      scratchBytes: rowScratchBytes,
    },
  ]
}

const plainKernel = forwardKernel(false)
const smoothedKernel = forwardKernel(true)

function forwardKernel(smoothed: boolean): Kernel {
  const parameters = {
    rows: 'i32',
    perTask: 'i32',
    width: 'i32',
    logits: 'f32*',
    logitsStride: 'i32',
    targets: 'i32*',
    ignore: 'i32',
    smoothing: 'f32',
    statistics: 'f32*',
    losses: 'f32*',
  } as const
  return kernel(`cross-entropy of rows${smoothed ? ', smoothed' : ''}`, parameters, (k, p, task) => {
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
            if (smoothed) distances[u]!.set(distances[u]!.get().add(within(distance, mask, 0)))
          })
          const sum = total(k, sums)
          const logarithm = sum.eq(0).select(k.float(0), sum.log())
          const own = k.loadScalar(logits.at(target)).sub(shift)
          // Everything relative to the largest logit: what is near is not lost beside what is large.
          const expected = smoothed
            ? own
                .mul(k.float(1).sub(p.smoothing))
                .add(total(k, distances).div(p.width.toFloat()).mul(p.smoothing))
            : own
          k.store(p.losses.at(row), logarithm.sub(expected))
          const statistics = p.statistics.at(row.mul(crossEntropyStatistics))
          k.store(statistics, shift)
          k.store(statistics.at(1), reciprocalOrZero(k.float(0), sum))
        },
      )
    })
  }) as unknown as Kernel
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

/** Of each row one element is read again, from memory where the row went past the caches: that only pays where rows are as long as this. */
const leastPast = 2 ** 14

/** (softmax − s / classes − (1 − s) onehot) × gradient × factor, in one pass; zeros in ignored rows. */
export function planCrossEntropyBackward(plan: CrossEntropyBackwardPlan): Launch[] {
  const { rows, width, logits, targets, ignore, smoothing, statistics, logitsGradient } = plan
  if (rows === 0 || width === 0) return []
  const perTask = rowsPerTask(plan)
  return [
    {
      kernel: backwardKernel(width >= leastPast && rowsGoPast(logitsGradient, plan)),
      parameters: [
        rows,
        perTask,
        width,
        logits.address,
        logits.stride,
        targets,
        ignore,
        smoothing,
        statistics,
        plan.gradient,
        plan.byRow ? 1 : 0,
        plan.factor,
        logitsGradient.address,
        logitsGradient.stride,
      ],
      tasks: Math.ceil(rows / perTask),
      scratchBytes: rowScratchBytes,
    },
  ]
}

const backwardKernel = bothWays(
  'cross-entropy of rows, backward',
  {
    rows: 'i32',
    perTask: 'i32',
    width: 'i32',
    logits: 'f32*',
    logitsStride: 'i32',
    targets: 'i32*',
    ignore: 'i32',
    smoothing: 'f32',
    statistics: 'f32*',
    gradient: 'f32*',
    gradientStride: 'i32',
    factor: 'f32',
    logitsGradient: 'f32*',
    logitsGradientStride: 'i32',
  },
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
          const probabilityScale = k.loadScalar(statistics.at(1)).mul(scale).broadcast()
          const spread = scale.mul(p.smoothing).div(p.width.toFloat()).neg().broadcast()
          sweep(k, p.width, 2, (place, _, mask) => {
            const e = decay(k, k.load(place(logits), mask).sub(shift))
            store(place(logitsGradient), e.fma(probabilityScale, spread), mask)
          })
          const own = logitsGradient.at(target)
          k.store(own, k.loadScalar(own).sub(scale.mul(k.float(1).sub(p.smoothing))))
        },
      )
    })
  },
)
