import { decay, type Float } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
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

export interface SoftmaxPlan extends RowsShape {
  /** Gives log softmax. */
  readonly logarithm: boolean
  readonly x: RowsOperand
  readonly output: RowsOperand
}

/** Rows of so many floats at most wait in the scratch memory: there they must stay in the second cache. */
const widestWaiting = 2 ** 16

/**
 * Softmax of each row: three passes over a row that is in cache after the first. A row of −Infinity alone
 * gives zeros (log: −Infinity).
 */
export function planSoftmax(plan: SoftmaxPlan): Launch[] {
  const { rows, width, logarithm, x, output } = plan
  if (rows === 0 || width === 0) return []
  const perTask = rowsPerTask(plan)
  const past = rowsGoPast(output, plan) && (logarithm || width <= widestWaiting)
  const kernel = (logarithm ? logSoftmaxKernel : softmaxKernel)(past)
  const values = {
    rows,
    perTask,
    width,
    x: x.address,
    xStride: x.stride,
    output: output.address,
    outputStride: output.stride,
  }
  const scratchBytes = rowScratchBytes + (past && !logarithm ? 8 * width : 0)
  return [launchOf(kernel, values, Math.ceil(rows / perTask), scratchBytes)]
}

const parameters = {
  rows: 'i32',
  perTask: 'i32',
  width: 'i32',
  x: 'f32*',
  xStride: 'i32',
  output: 'f32*',
  outputStride: 'i32',
} as const

const softmaxKernel = inAndPastCaches('softmax of rows', parameters, (k, p, task, store, past) => {
  eachRow(k, task, p.perTask, p.rows, (row) => {
    const x = p.x.at(row.mul(p.xStride))
    const output = p.output.at(row.mul(p.outputStride))
    const shift = shiftFor(k, rowLargest(k, x, p.width)).broadcast()
    // Until their sum is known the exponentials stay in the output's cache lines, or where those are not to
    // be touched, in the scratch memory.
    const waiting = past ? k.scratch('f32').at(rowScratchBytes / k.elementBytes('f32')) : output
    const sums = running(k, 2, 0)
    sweep(k, p.width, 2, (place, u, mask) => {
      const e = decay(k, k.load(place(x), mask).sub(shift))
      k.store(place(waiting), e, mask)
      sums[u]!.set(sums[u]!.get().add(within(e, mask, 0)))
    })
    const scale = reciprocalOrZero(k.float(0), total(k, sums)).broadcast()
    sweep(k, p.width, 4, (place, _, mask) =>
      store(place(output), k.load(place(waiting), mask).mul(scale), mask),
    )
  })
})

const logSoftmaxKernel = inAndPastCaches('log softmax of rows', parameters, (k, p, task, store) => {
  eachRow(k, task, p.perTask, p.rows, (row) => {
    const x = p.x.at(row.mul(p.xStride))
    const output = p.output.at(row.mul(p.outputStride))
    const shift = shiftFor(k, rowLargest(k, x, p.width)).broadcast()
    const sums = running(k, 2, 0)
    sweep(k, p.width, 2, (place, u, mask) => {
      const e = decay(k, k.load(place(x), mask).sub(shift))
      sums[u]!.set(sums[u]!.get().add(within(e, mask, 0)))
    })
    const sum = total(k, sums)
    const logarithm = sum.eq(0).select(k.float(0), sum.log()).broadcast()
    // First the largest, then the logarithm: both at once would be rounded to the largest's last bit.
    sweep(k, p.width, 4, (place, _, mask) => {
      store(place(output), k.load(place(x), mask).sub(shift).sub(logarithm), mask)
    })
  })
})

/** 1 / x, and 0 for 0. */
export function reciprocalOrZero(zero: Float, x: Float): Float {
  return x.eq(0).select(zero, zero.add(1).div(x))
}

export interface SoftmaxBackwardPlan extends RowsShape {
  readonly logarithm: boolean
  /** What the forward pass gave. */
  readonly output: RowsOperand
  /** The gradient of it. */
  readonly gradient: RowsOperand
  readonly xGradient: RowsOperand
}

/** dx = y (g − Σ g y), so that each row sums to 0; of log softmax, dx = g − exp(y) Σ g. */
export function planSoftmaxBackward(plan: SoftmaxBackwardPlan): Launch[] {
  const { rows, width, logarithm, output, gradient, xGradient } = plan
  if (rows === 0 || width === 0) return []
  const perTask = rowsPerTask(plan)
  const past = rowsGoPast(xGradient, plan)
  const kernel = (logarithm ? logSoftmaxBackwardKernel : softmaxBackwardKernel)(past)
  const values = {
    rows,
    perTask,
    width,
    output: output.address,
    outputStride: output.stride,
    gradient: gradient.address,
    gradientStride: gradient.stride,
    xGradient: xGradient.address,
    xGradientStride: xGradient.stride,
  }
  return [launchOf(kernel, values, Math.ceil(rows / perTask), rowScratchBytes)]
}

const backwardParameters = {
  rows: 'i32',
  perTask: 'i32',
  width: 'i32',
  output: 'f32*',
  outputStride: 'i32',
  gradient: 'f32*',
  gradientStride: 'i32',
  xGradient: 'f32*',
  xGradientStride: 'i32',
} as const

const softmaxBackwardKernel = /* @__PURE__ */ inAndPastCaches(
  'softmax of rows, backward',
  backwardParameters,
  (k, p, task, store) => {
    eachRow(k, task, p.perTask, p.rows, (row) => {
      const output = p.output.at(row.mul(p.outputStride))
      const gradient = p.gradient.at(row.mul(p.gradientStride))
      const xGradient = p.xGradient.at(row.mul(p.xGradientStride))
      const sums = running(k, 4, 0)
      sweep(k, p.width, 4, (place, u, mask) => {
        const sum = sums[u]!
        sum.set(k.load(place(output), mask).fma(k.load(place(gradient), mask), sum.get()))
      })
      const mean = total(k, sums).broadcast()
      // What rounding left of the mean: whoever multiplies the row by a large number, such as 1 / a small
      // temperature, would see it.
      const rests = running(k, 4, 0)
      sweep(k, p.width, 4, (place, u, mask) => {
        const rest = rests[u]!
        const distance = k.load(place(gradient), mask).sub(mean)
        rest.set(k.load(place(output), mask).fma(distance, rest.get()))
      })
      const left = total(k, rests).broadcast()
      sweep(k, p.width, 4, (place, _, mask) => {
        const y = k.load(place(output), mask)
        store(place(xGradient), k.load(place(gradient), mask).sub(mean).sub(left).mul(y), mask)
      })
    })
  },
)

const logSoftmaxBackwardKernel = inAndPastCaches(
  'log softmax of rows, backward',
  backwardParameters,
  (k, p, task, store) => {
    eachRow(k, task, p.perTask, p.rows, (row) => {
      const output = p.output.at(row.mul(p.outputStride))
      const gradient = p.gradient.at(row.mul(p.gradientStride))
      const xGradient = p.xGradient.at(row.mul(p.xGradientStride))
      const sums = running(k, 4, 0)
      sweep(k, p.width, 4, (place, u, mask) => {
        sums[u]!.set(sums[u]!.get().add(k.load(place(gradient), mask)))
      })
      const negativeSum = total(k, sums).neg().broadcast()
      sweep(k, p.width, 2, (place, _, mask) => {
        const probability = decay(k, k.load(place(output), mask))
        store(place(xGradient), probability.fma(negativeSum, k.load(place(gradient), mask)), mask)
      })
    })
  },
)
