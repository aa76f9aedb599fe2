import {
  type Builder,
  type Float,
  type Int,
  kernel,
  type Kernel,
  type Pointer,
  type Vector,
} from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { pastCachesName, storeOf } from '../past-the-caches.js'
import {
  eachRow,
  rowScratchBytes,
  type RowsOperand,
  rowsGoPast,
  rowsPerTask,
  type RowsShape,
  running,
  sweep,
  total,
} from './row.js'

/** Which norm: of the distances from the mean (layer norm), or of the elements themselves (RMS norm). */
export interface NormForm {
  readonly centered: boolean
  /** Multiplies by 1 + weight. */
  readonly onePlus: boolean
}

/**
 * Floats that the forward pass keeps of each row: 1 / deviation; of a centered norm, also its mean as a sum
 * of two.
 */
export function normStatistics({ centered }: NormForm): number {
  return centered ? 3 : 1
}

export interface NormPlan extends RowsShape, NormForm {
  readonly x: RowsOperand
  readonly output: RowsOperand
  /** Byte addresses of `width` adjacent floats. */
  readonly weight?: number | undefined
  readonly bias?: number | undefined
  readonly epsilon: number
  /** Byte address of `normStatistics` floats a row, where they are wanted. */
  readonly statistics?: number | undefined
}

/**
 * Each row minus its mean (if centered), over sqrt(mean square + epsilon), times weight, plus bias. The
 * squares are those of the distances from the mean: three passes over a row that is in cache after the first.
 */
export function planNorm(plan: NormPlan): Launch[] {
  const { rows, width, x, output, weight, bias, epsilon, statistics } = plan
  if (rows === 0 || width === 0) return []
  const perTask = rowsPerTask(plan)
  const kernel = normKernel({
    centered: plan.centered,
    scale: weight === undefined ? 'none' : plan.onePlus ? 'one plus weight' : 'weight',
    bias: bias !== undefined,
    statistics: statistics !== undefined,
    past: rowsGoPast(output, plan),
  })
  const values = {
    rows,
    perTask,
    width,
    x: x.address,
    xStride: x.stride,
    output: output.address,
    outputStride: output.stride,
    weight: weight ?? 0,
    bias: bias ?? 0,
    epsilon,
    statistics: statistics ?? 0,
  }
  return [launchOf(kernel, values, Math.ceil(rows / perTask), rowScratchBytes)]
}

/** What the normalized element is multiplied by. */
export type NormScale = 'none' | 'weight' | 'one plus weight'

interface NormKernelForm {
  readonly centered: boolean
  readonly scale: NormScale
  readonly bias: boolean
  readonly statistics: boolean
  readonly past: boolean
}

type NormKernel = Kernel<typeof parameters>

const kernels = new Map<string, NormKernel>()

function normKernel(form: NormKernelForm): NormKernel {
  const { centered, scale, bias, statistics, past } = form
  const name = `${centered ? 'layer' : 'rms'} norm of rows, ${scale}${bias ? ', bias' : ''}${statistics ? ', keeps statistics' : ''}${past ? pastCachesName : ''}`
  let made = kernels.get(name)
  if (made === undefined) kernels.set(name, (made = writeNormKernel(name, form)))
  return made
}

const parameters = {
  rows: 'i32',
  perTask: 'i32',
  width: 'i32',
  x: 'f32*',
  xStride: 'i32',
  output: 'f32*',
  outputStride: 'i32',
  weight: 'f32*',
  bias: 'f32*',
  epsilon: 'f32',
  statistics: 'f32*',
} as const

function writeNormKernel(name: string, form: NormKernelForm): NormKernel {
  const { centered, scale, bias, statistics } = form
  return kernel(name, parameters, (k, p, task) => {
    const store = storeOf(k, form.past)
    eachRow(k, task, p.perTask, p.rows, (row) => {
      const x = p.x.at(row.mul(p.xStride))
      const output = p.output.at(row.mul(p.outputStride))
      const measured = centered ? measureCentered(k, x, p.width) : measure(k, x, p.width)
      const reciprocal = k.float(1).div(measured.meanSquare.add(p.epsilon).sqrt())
      const normalize = normalizer(reciprocal, measured.center)
      sweep(k, p.width, 2, (place, _, mask) => {
        const normalized = normalize(k.load(place(x), mask))
        const add = bias ? k.load(place(p.bias), mask) : undefined
        let result = normalized
        if (scale === 'none') result = add === undefined ? normalized : normalized.add(add)
        else {
          const weight = k.load(place(p.weight), mask)
          if (scale === 'one plus weight') {
            result = normalized.fma(weight, normalized)
            if (add !== undefined) result = result.add(add)
          } else result = add === undefined ? normalized.mul(weight) : normalized.fma(weight, add)
        }
        store(place(output), result, mask)
      })
      if (statistics) {
        const kept = p.statistics.at(row.mul(centered ? 3 : 1))
        k.store(kept, reciprocal)
        if (measured.center !== undefined) {
          k.store(kept.at(1), measured.center.mean)
          k.store(kept.at(2), measured.center.rest)
        }
      }
    })
  })
}

/**
 * The mean, as a sum of two floats: the first rounded to the size of the elements, the second to that of
 * their distances.
 */
interface Center {
  readonly mean: Float
  readonly rest: Float
}

function measure(k: Builder, x: Pointer<'f32'>, width: Int): { meanSquare: Float; center?: Center } {
  const sums = running(k, 4, 0)
  sweep(k, width, 4, (place, u, mask) => {
    const value = k.load(place(x), mask)
    sums[u]!.set(value.fma(value, sums[u]!.get()))
  })
  return { meanSquare: total(k, sums).div(width.toFloat()) }
}

/**
 * The corrected two-pass algorithm (Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample
 * Variance", eq. 1.7): a mean, then distances from it. Their own mean, which is what rounding left of the
 * first one, corrects both the mean and the squares.
 */
function measureCentered(k: Builder, x: Pointer<'f32'>, width: Int): { meanSquare: Float; center: Center } {
  const count = width.toFloat()
  const elements = running(k, 4, 0)
  sweep(k, width, 4, (place, u, mask) => {
    elements[u]!.set(elements[u]!.get().add(k.load(place(x), mask)))
  })
  const mean = total(k, elements).div(count)
  const lanesMean = mean.broadcast()
  const distances = running(k, 2, 0)
  const squares = running(k, 2, 0)
  sweep(k, width, 2, (place, u, mask) => {
    const difference = k.load(place(x), mask).sub(lanesMean)
    const distance = mask === undefined ? difference : mask.select(difference, 0)
    distances[u]!.set(distances[u]!.get().add(distance))
    squares[u]!.set(distance.fma(distance, squares[u]!.get()))
  })
  const rest = total(k, distances).div(count)
  const meanSquare = total(k, squares).div(count).sub(rest.mul(rest)).max(0)
  return { meanSquare, center: { mean, rest } }
}

/** (x − mean − rest) × reciprocal, vector by vector. */
function normalizer(reciprocal: Float, center: Center | undefined): (x: Vector) => Vector {
  const factor = reciprocal.broadcast()
  if (center === undefined) return (x) => x.mul(factor)
  const mean = center.mean.broadcast()
  const offset = center.rest.mul(reciprocal).neg().broadcast()
  return (x) => x.sub(mean).fma(factor, offset)
}
