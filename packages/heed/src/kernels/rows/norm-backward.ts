import { type Builder, kernel, type Kernel, type Mask, type Pointer, type Vector } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { pastCachesName, storeOf } from '../past-the-caches.js'
import { type NormForm, type NormScale, normStatistics } from './norm.js'
import {
  eachRow,
  type Place,
  rowScratchBytes,
  rowsGoPast,
  type RowsOperand,
  type RowsShape,
  running,
  sweep,
  total,
} from './row.js'

export interface NormBackwardPlan extends RowsShape, NormForm {
  readonly x: RowsOperand
  readonly weight?: number | undefined
  readonly statistics: number
  /** The gradient of the output. */
  readonly gradient: RowsOperand
  /** What is wanted: rows for x, byte addresses of `width` floats for weight and bias. */
  readonly xGradient?: RowsOperand | undefined
  readonly weightGradient?: number | undefined
  readonly biasGradient?: number | undefined
  readonly floatBytes: number
  /** Room for partial sums, needed until the launches have run. */
  readonly allocate: (bytes: number) => number
}

/** Elements that make one part at least. */
const partElements = 32768
/** Parts at most: what the second step sums. */
const partsAtMost = 128

/**
 * With n the normalized row and g = gradient × weight:
 *
 *     dx = (g − mean g − n mean(g n)) / deviation        (RMS norm: without mean g)
 *     dweight = Σ gradient × n        dbias = Σ gradient        (over the rows)
 *
 * Rows are cut into parts by sizes alone. Each part sums its own rows, and the parts are added in their
 * order. So the sums do not depend on threads.
 */
export function planNormBackward(plan: NormBackwardPlan): Launch[] {
  const { rows, width, x, weight, statistics, gradient, xGradient, weightGradient, biasGradient } = plan
  if (width === 0) return []
  const perPart = Math.max(1, Math.ceil(partElements / width), Math.ceil(rows / partsAtMost))
  const parts = Math.max(1, Math.ceil(rows / perPart))
  const room = (wanted: number | undefined): number =>
    wanted === undefined ? 0 : parts === 1 ? wanted : plan.allocate(parts * width * plan.floatBytes)
  const [weightParts, biasParts] = [room(weightGradient), room(biasGradient)]
  const kernel = backwardKernel({
    centered: plan.centered,
    scale: weight === undefined ? 'none' : plan.onePlus ? 'one plus weight' : 'weight',
    x: xGradient !== undefined,
    weight: weightGradient !== undefined,
    bias: biasGradient !== undefined,
    past: xGradient !== undefined && rowsGoPast(xGradient, plan),
  })
  const values = {
    rows,
    perPart,
    width,
    x: x.address,
    xStride: x.stride,
    weight: weight ?? 0,
    statistics,
    gradient: gradient.address,
    gradientStride: gradient.stride,
    xGradient: xGradient?.address ?? 0,
    xGradientStride: xGradient?.stride ?? 0,
    weightParts,
    biasParts,
  }
  const launches = [launchOf(kernel, values, parts, rowScratchBytes)]
  if (parts > 1) {
    if (weightGradient !== undefined) launches.push(joinParts(weightParts, parts, width, weightGradient))
    if (biasGradient !== undefined) launches.push(joinParts(biasParts, parts, width, biasGradient))
  }
  return launches
}

interface BackwardForm {
  readonly centered: boolean
  readonly scale: NormScale
  /** Which gradients are wanted. */
  readonly x: boolean
  readonly weight: boolean
  readonly bias: boolean
  /** The gradient of x goes past the caches. */
  readonly past: boolean
}

const kernels = new Map<string, Kernel>()

function backwardKernel(form: BackwardForm): Kernel {
  const { centered, scale } = form
  const wanted = (['x', 'weight', 'bias'] as const).filter((name) => form[name])
  const name = `${centered ? 'layer' : 'rms'} norm of rows, ${scale}, gradients of ${wanted.join(', ')}${form.past ? pastCachesName : ''}`
  let made = kernels.get(name)
  if (made === undefined) kernels.set(name, (made = writeBackwardKernel(name, form)))
  return made
}

function writeBackwardKernel(name: string, form: BackwardForm): Kernel {
  const { centered, scale } = form
  const parameters = {
    rows: 'i32',
    perPart: 'i32',
    width: 'i32',
    x: 'f32*',
    xStride: 'i32',
    weight: 'f32*',
    statistics: 'f32*',
    gradient: 'f32*',
    gradientStride: 'i32',
    xGradient: 'f32*',
    xGradientStride: 'i32',
    weightParts: 'f32*',
    biasParts: 'f32*',
  } as const
  return kernel(name, parameters, (k, p, part) => {
    const store = storeOf(k, form.past)
    const weightSums = p.weightParts.at(part.mul(p.width))
    const biasSums = p.biasParts.at(part.mul(p.width))
    if (form.weight || form.bias) {
      sweep(k, p.width, 1, (place, _, mask) => {
        if (form.weight) k.store(place(weightSums), k.vector(0), mask)
        if (form.bias) k.store(place(biasSums), k.vector(0), mask)
      })
    }
    eachRow(k, part, p.perPart, p.rows, (row) => {
      const x = p.x.at(row.mul(p.xStride))
      const gradient = p.gradient.at(row.mul(p.gradientStride))
      const xGradient = p.xGradient.at(row.mul(p.xGradientStride))
      const kept = p.statistics.at(row.mul(normStatistics({ centered, onePlus: false })))
      const reciprocal = k.loadScalar(kept)
      const mean = centered ? k.loadScalar(kept.at(1)).broadcast() : undefined
      // The normalized row is distance × reciprocal + offset.
      const offset = centered ? k.loadScalar(kept.at(2)).mul(reciprocal).neg() : undefined
      const distanceAt = (place: Place, mask?: Mask): Vector => {
        const value = k.load(place(x), mask)
        return mean === undefined ? value : value.sub(mean)
      }
      const scaled = (upstream: Vector, place: Place, mask?: Mask): Vector => {
        if (scale === 'none') return upstream
        const weight = k.load(place(p.weight), mask)
        return scale === 'weight' ? upstream.mul(weight) : upstream.fma(weight, upstream)
      }

      /** dx = g × reciprocal + normalized × slope + shift. */
      let slope: Vector | undefined
      let shift: Vector | undefined
      if (form.x) {
        const sums = running(k, centered ? 2 : 0, 0)
        const products = running(k, 2, 0)
        sweep(k, p.width, 2, (place, u, mask) => {
          // Outside the row g is 0 from its masked loads; the distance need not be.
          const g = scaled(k.load(place(gradient), mask), place, mask)
          if (centered) sums[u]!.set(sums[u]!.get().add(g))
          products[u]!.set(g.fma(distanceAt(place, mask), products[u]!.get()))
        })
        const scaleDown = reciprocal.div(p.width.toFloat()).neg()
        const product = total(k, products).mul(reciprocal)
        if (offset === undefined) slope = product.mul(scaleDown).broadcast()
        else {
          const sum = total(k, sums)
          slope = sum.fma(offset, product).mul(scaleDown).broadcast()
          shift = sum.mul(scaleDown).broadcast()
        }
      }
      const factor = reciprocal.broadcast()
      const lanesOffset = offset?.broadcast()
      sweep(k, p.width, 1, (place, _, mask) => {
        const upstream = k.load(place(gradient), mask)
        const distance = distanceAt(place, mask)
        const normalized =
          lanesOffset === undefined ? distance.mul(factor) : distance.fma(factor, lanesOffset)
        if (slope !== undefined) {
          const g = scaled(upstream, place, mask)
          const rest = shift === undefined ? normalized.mul(slope) : normalized.fma(slope, shift)
          store(place(xGradient), g.fma(factor, rest), mask)
        }
        if (form.weight) accumulate(k, place(weightSums), (sum) => upstream.fma(normalized, sum), mask)
        if (form.bias) accumulate(k, place(biasSums), (sum) => sum.add(upstream), mask)
      })
    })
  })
}

function accumulate(k: Builder, at: Pointer<'f32'>, add: (sum: Vector) => Vector, mask?: Mask): void {
  k.store(at, add(k.load(at, mask)), mask)
}

/** Columns that make one task of adding up parts. */
const joinColumns = 256

function joinParts(from: number, parts: number, width: number, output: number): Launch {
  return launchOf(joinKernel, { parts, width, from, output }, Math.ceil(width / joinColumns))
}

const joinKernel = kernel(
  'sum of parts of rows',
  { parts: 'i32', width: 'i32', from: 'f32*', output: 'f32*' },
  (k, p, task) => {
    const start = task.mul(joinColumns)
    const columns = p.width.sub(start).min(joinColumns)
    k.vectors(columns, (i, mask) => {
      const column = start.add(i)
      const sum = k.variable(k.vector(0))
      k.loop(0, p.parts, 1, (part) =>
        sum.set(sum.get().add(k.load(p.from.at(part.mul(p.width).add(column)), mask))),
      )
      k.store(p.output.at(column), sum.get(), mask)
    })
  },
)
