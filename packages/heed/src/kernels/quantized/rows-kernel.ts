import type { Builder, Float, Int, Kernel, ParameterType, Mask, Pointer, Vector } from '../language/index.js'
import { kernel } from '../language/index.js'
import type { Multiplication } from './format.js'
import { pairOrder } from './quads.js'
import { leastScale, toHalf } from './round.js'

const kernels = new Map<string, RowsKernel>()

/**
 * Rows of activations in the form that weights are multiplied with, filled up with 0 to `pitch` elements.
 * They become signed bytes or shorts of a magnitude up to 127, bf16, or f32. Integers have a scale for each
 * group of `group` elements. They also have what a sum over the group starts with: −`zero` times the sum of
 * its integers; or, for weights with a minimum, that sum times the scale, a float. Shorts stand in
 * `pairOrder`. A task is one row.
 */
export function rowsKernel(multiplication: Multiplication, minimum: boolean): RowsKernel {
  const name = `rows-${multiplication}${minimum ? '-minimum' : ''}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, multiplication, minimum)))
  return known
}

const elements = { bytes: 'i8', shorts: 'u16', halves: 'u16', floats: 'f32' } as const

const parameters = {
  source: 'f32*',
  target: 'i8*',
  scales: 'f32*',
  starts: 'i32*',
  depth: 'i32',
  rowStep: 'i32',
  pitch: 'i32',
  group: 'i32',
  groups: 'i32',
  zero: 'i32',
} as const
export type RowsKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>

function write(name: string, multiplication: Multiplication, minimum: boolean): RowsKernel {
  const element = elements[multiplication]
  const declared = { ...parameters, target: `${element}*` } as const
  return kernel(name, declared, (k, p, row) => {
    const source = p.source.at(row.mul(p.rowStep))
    const target = (p.target as Pointer<'i8'>).at(row.mul(p.pitch))
    const fill = multiplication === 'floats' ? k.float(0) : k.int(0)
    // Shorts of the last four stand among places that are not written.
    const end = multiplication === 'shorts' ? p.depth.and(-4) : p.depth
    k.loop(end, p.pitch, 1, (i) => k.store(target.at(i), fill as Int))
    if (multiplication === 'halves' || multiplication === 'floats') {
      k.vectors(p.depth, (i, mask) => {
        const value = k.load(source.at(i), mask)
        k.store(target.at(i), (multiplication === 'halves' ? toHalf(value) : value) as never, mask)
      })
      return
    }
    k.loop(0, p.groups, 1, (group) => {
      const start = group.mul(p.group)
      const count = p.depth.sub(start).min(p.group)
      const place = row.mul(p.groups).add(group)
      const { scale, sum } = quantizeGroup(
        k,
        source.at(start),
        target.at(start),
        count,
        multiplication === 'shorts',
      )
      k.store(p.scales.at(place), scale)
      if (minimum) k.store(p.starts.as('f32').at(place), scale.mul(sum.toFloat()))
      else k.store(p.starts.at(place), sum.mul(p.zero).neg())
    })
  })
}

/**
 * Whole numbers times a scale: the largest magnitude becomes 127. A group with a number that is not finite
 * has the scale NaN. Gives the scale, and the sum of the whole numbers.
 */
function quantizeGroup(
  k: Builder,
  source: Pointer<'f32'>,
  target: Pointer<'i8'>,
  count: Int,
  paired: boolean,
): { readonly scale: Float; readonly sum: Int } {
  const [largest, faulty] = [k.variable(k.vector(0)), k.variable(k.vector(0))]
  k.vectors(count, (i, mask) => {
    const value = k.load(source.at(i), mask)
    largest.set(largest.get().maxIgnoringNaN(value.abs()))
    faulty.set(value.fma(0, faulty.get()))
  })
  const most = largest.get().largestIgnoringNaN()
  const inverse = most.gt(leastScale).select(k.float(127).div(most), 0)
  const scale = most.div(127).add(faulty.get().sum())
  const order = paired ? pairOrder(k, k.laneIndex()) : undefined
  const sum = k.variable(k.intVector(0))
  k.vectors(count, (i, mask?: Mask) => {
    const value: Vector = k.load(source.at(i), mask)
    const whole = value.mul(inverse).round().toInt()
    sum.set(sum.get().add(whole))
    if (order === undefined) k.store(target.at(i), whole, mask)
    else k.store(target.at(i), pairOrder(k, whole), mask && order.lt(count.sub(i)))
  })
  return { scale, sum: sum.get().sum() }
}
