import { bf16ToF32, f32ToBf16 } from '../../base/index.js'
import { groupDepth, type Multiplication, type PackedFormat, packings, type WeightFormat } from './format.js'
import { steps } from './weights-kernel.js'

/** Numbers in fewer bits: `whole[i] × scales[group of i]`. */
export interface Quantized {
  readonly whole: readonly number[]
  readonly scales: readonly number[]
  /** What the numbers are taken for. */
  readonly values: readonly number[]
}

/** The definition of how a column of weights is rounded, in f64. */
export function quantizeColumn(format: WeightFormat, column: readonly number[]): Quantized {
  if (format === 'bf16') {
    const values = column.map((value) => bf16ToF32(f32ToBf16(value)))
    return { whole: values, scales: [1], values }
  }
  const depth = format === 'int4' ? groupDepth : Math.max(1, column.length)
  const [whole, scales, values]: [number[], number[], number[]] = [[], [], []]
  for (let start = 0; start < column.length; start += depth) {
    const group = column.slice(start, start + depth)
    const scale = format === 'int4' ? bf16ToF32(f32ToBf16(groupScale(group))) : largest(group) / 127
    const [least, most] = format === 'int4' ? [-8, 7] : [-127, 127]
    scales.push(scale)
    for (const value of group) {
      whole.push(nearest(value, scale, least!, most!))
      values.push(whole[whole.length - 1]! * scale)
    }
  }
  return { whole, scales, values }
}

/** The definition of how a row of activations is rounded. */
export function quantizeRow(
  format: PackedFormat,
  multiplication: Multiplication,
  row: readonly number[],
): Quantized {
  if (multiplication === 'floats') return { whole: row, scales: [1], values: row }
  if (multiplication === 'halves') return quantizeColumn('bf16', row)
  const { group } = packings[format]
  if (group === 'column') return quantizeColumn('int8', row)
  const groups: Quantized[] = []
  for (let start = 0; start < row.length; start += group)
    groups.push(quantizeColumn('int8', row.slice(start, start + group)))
  return {
    whole: groups.flatMap(({ whole }) => whole),
    scales: groups.flatMap(({ scales }) => scales),
    values: groups.flatMap(({ values }) => values),
  }
}

function largest(group: readonly number[]): number {
  return group.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

/** To nearest, ties to even. */
function nearest(value: number, scale: number, least: number, most: number): number {
  if (scale === 0) return 0
  const ratio = value / scale
  const floor = Math.floor(ratio)
  const above = ratio - floor
  const whole = above > 0.5 || (above === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
  return Math.min(most, Math.max(least, whole))
}

/**
 * Of the scales that `steps` lead to the one whose whole numbers are off the least, in the sum of squares.
 */
function groupScale(group: readonly number[]): number {
  const extreme = group.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
  let [best, error] = [0, Infinity]
  for (const step of steps) {
    const whole = group.map((value) => nearest(value, extreme / -step, -8, 7))
    const [products, squares] = [
      whole.reduce((sum, q, i) => sum + q * group[i]!, 0),
      whole.reduce((sum, q) => sum + q * q, 0),
    ]
    const scale = squares > 0 ? products / squares : 0
    const off = whole.reduce((sum, q, i) => sum + (q * scale - group[i]!) ** 2, 0)
    if (off < error) [best, error] = [scale, off]
  }
  return best
}
