import type {
  Builder,
  Int,
  IntVector,
  Kernel,
  ParameterType,
  Mask,
  Pointer,
  Vector,
} from '../language/index.js'
import { kernel } from '../language/index.js'
import { groupDepth, packings, type WeightFormat } from './format.js'
import { fromHalf, leastScale, toHalf } from './round.js'

/** What is fixed while a kernel that packs weights is written. */
export interface WeightsForm {
  readonly format: WeightFormat
  /** Neighbouring columns are neighbours in memory; else they lie `columnStep` apart. */
  readonly contiguous: boolean
}

const kernels = new Map<string, WeightsKernel>()

/** Packs a matrix as `packedShape` says. A task is one panel. */
export function weightsKernel(form: WeightsForm): WeightsKernel {
  const name = `pack-${form.format}${form.contiguous ? '' : '-apart'}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, form)))
  return known
}

/**
 * The steps that `int4` tries for each group: the weight of the largest magnitude becomes −8 at the first,
 * and more or less than that at the others. The one of the least squared error is taken.
 */
export const steps: readonly number[] = [8, 7.6, 7.2, 6.8, 8.4]

const parameters = {
  source: 'f32*',
  target: 'i32*',
  scales: 'u16*',
  columns: 'i32',
  depth: 'i32',
  columnStep: 'i32',
  depthStep: 'i32',
  words: 'i32',
  groups: 'i32',
} as const
export type WeightsKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>

function write(name: string, { format, contiguous }: WeightsForm): WeightsKernel {
  const declared = { ...parameters, scales: format === 'int8' ? 'f32*' : 'u16*' } as const
  return kernel(name, declared, (k, p, panel) => {
    const first = panel.mul(k.lanes)
    const inside = k.tail(p.columns.sub(first))
    const read = reader(k, p.source, contiguous, first, p.columnStep, inside)
    /** A column's element; 0 beyond its depth. */
    const at = (place: Int): Vector =>
      place.lt(p.depth).select(read(place.min(p.depth.sub(1)).mul(p.depthStep)), 0)
    const target = p.target.at(panel.mul(p.words.mul(k.lanes)))
    const { bits, zero } = packings[format]
    /** As many elements as a word has, the first half from `first` on, the others from `second` on. */
    const pack = (
      word: Int,
      [first, second]: readonly [Int, Int],
      encode: (value: Vector) => IntVector,
    ): void => {
      const half = 16 / bits
      let packed = k.intVector(0)
      for (let j = 0; j < 2 * half; j++) {
        const encoded = encode(at(j < half ? first.add(j) : second.add(j - half)))
        packed = packed.or(encoded.shl(bits === 4 ? 8 * (j & 3) + 4 * (j >> 2) : bits * j))
      }
      k.store(target.at(word.mul(k.lanes)), packed)
    }
    const run = (word: Int): readonly [Int, Int] => {
      const first = word.mul(32 / bits)
      return [first, first.add(16 / bits)]
    }
    if (format === 'bf16') {
      k.loop(0, p.words, 1, (word) => pack(word, run(word), (value) => toHalf(value)))
      return
    }
    if (format === 'int8') {
      const [largest, faulty] = [k.variable(k.vector(0)), k.variable(k.vector(0))]
      k.loop(0, p.depth, 1, (place) => {
        const value = at(place)
        largest.set(largest.get().maxIgnoringNaN(value.abs()))
        faulty.set(value.fma(0, faulty.get()))
      })
      const most = largest.get()
      const inverse = reciprocal(k, 127, most)
      k.store((p.scales as Pointer<'f32'>).at(first), most.div(127).add(faulty.get()))
      k.loop(0, p.words, 1, (word) =>
        pack(word, run(word), (value) => value.mul(inverse).round().toInt().max(-127).min(127).add(zero)),
      )
      return
    }
    const groupWords = (groupDepth * bits) / 32
    k.loop(0, p.groups, 1, (group) => {
      const scale = groupScale(k, (step) => at(group.mul(groupDepth).add(step)))
      const half = toHalf(scale)
      k.store((p.scales as Pointer<'u16'>).at(panel.mul(p.groups).add(group).mul(k.lanes)), half)
      const inverse = reciprocal(k, 1, fromHalf(half))
      k.loop(0, groupWords, 1, (step) => {
        const first = group.mul(groupDepth).add(step.mul(4))
        const places = [first, first.add(groupDepth / 2)] as const
        pack(group.mul(groupWords).add(step), places, (value) => nearest(value, inverse).toInt().add(zero))
      })
    })
  })
}

function reader(
  k: Builder,
  source: Pointer<'f32'>,
  contiguous: boolean,
  first: Int,
  columnStep: Int,
  inside: Mask,
): (start: Int) => Vector {
  if (contiguous) return (start) => k.load(source.at(start.add(first)), inside)
  const indices = k.laneIndex().mul(columnStep)
  return (start) => k.gather(source.at(start.add(first.mul(columnStep))), indices, inside)
}

/** numerator / x, but 0 where x is too small. */
function reciprocal(k: Builder, numerator: number, x: Vector): Vector {
  return x.abs().gt(leastScale).select(k.vector(numerator).div(x), 0)
}

function nearest(value: Vector, inverse: Vector): Vector {
  return value.mul(inverse).round().max(-8).min(7)
}

/**
 * The scale of a group: for each of `steps` the whole numbers that it gives, and the scale that fits these
 * best; of them the best.
 */
function groupScale(k: Builder, at: (step: Int) => Vector): Vector {
  const [least, most, faulty] = [k.variable(k.vector(0)), k.variable(k.vector(0)), k.variable(k.vector(0))]
  k.loop(0, groupDepth, 1, (step) => {
    const value = at(step)
    least.set(value.minIgnoringNaN(least.get()))
    most.set(value.maxIgnoringNaN(most.get()))
    faulty.set(value.fma(0, faulty.get()))
  })
  const extreme = least.get().neg().gt(most.get()).select(least.get(), most.get())
  const best = k.variable(k.vector(0))
  const fit = k.variable(k.vector(0))
  for (const step of steps) {
    const inverse = reciprocal(k, -step, extreme)
    const [products, squares] = [k.variable(k.vector(0)), k.variable(k.vector(0))]
    k.loop(0, groupDepth, 1, (place) => {
      const value = at(place)
      const whole = nearest(value, inverse)
      products.set(whole.fma(value, products.get()))
      squares.set(whole.fma(whole, squares.get()))
    })
    // Of the squared error Σ w² − (Σ wq)² / Σ q² only the second part differs.
    const scale = squares.get().gt(0).select(products.get().div(squares.get()), 0)
    const gained = scale.mul(products.get())
    const better = gained.gt(fit.get())
    best.set(better.select(scale, best.get()))
    fit.set(better.select(gained, fit.get()))
  }
  return best.get().add(faulty.get())
}
