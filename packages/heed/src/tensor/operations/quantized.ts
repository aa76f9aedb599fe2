import { DtypeError, type Shape, ShapeError, UsageError, inWords } from '../../base/index.js'
import {
  packedShape,
  planPackWeights,
  planUnpackColumns,
  type WeightFormat,
  weightFormats,
} from '../../kernels/index.js'
import { values } from '../create.js'
import { execute } from '../execute.js'
import { emptyArranged, isRowMajor, sameDevice, shapeOf } from '../layout.js'
import { prepare, preparedFor, runPrepared } from '../prepared.js'
import { type AnyQuantizedWeights, type QuantizedOperations, QuantizedWeights } from '../quantized-weights.js'
import { allOrNothing } from '../scope.js'
import { Storage } from '../storage.js'
import { type AnyTensor, axisOf, rowMajor, type Tensor } from '../tensor.js'
import { contract } from './contraction.js'
import { arrange } from './copy.js'
import { checkIds, withIntegers } from './gather.js'
import { slice } from './movement.js'
import { contractQuantized } from './quantized-product.js'

/**
 * A copy of weights in fewer bits, for products that sum over the axes in `over`:
 *
 * - `bf16`: each number is rounded to 8 bits of precision, so it is off by 2⁻⁸ of itself at most.
 * - `int8`: 8 bits and a scale for each position of the other axes. A weight is off by 1/254 of the largest
 *   weight that is summed with it, at most.
 * - `int4`: 4 bits and a scale for each 32 weights that are summed. The scale is the best of a few in the sum
 *   of squared errors.
 *
 * The other operand is rounded too, when the product runs:
 *
 * - with `int8` to 8 bits, with a scale for each row;
 * - with `int4` to 8 bits, with a scale for each 32 numbers;
 * - with `bf16` to bf16 where the processor multiplies those, else not at all.
 *
 * Sums of whole numbers are exact.
 *
 * @throws ShapeError if the weights lack an axis of `over`, or have no elements
 * @throws DtypeError unless they are f32
 */
export function quantize<A extends string>(
  weights: Tensor<A>,
  over: NoInfer<A> | readonly NoInfer<A>[],
  format: WeightFormat,
): QuantizedWeights<A> {
  return allOrNothing(() => {
    const { device, dtype } = weights
    const summed: readonly A[] = typeof over === 'string' ? [over] : [...new Set(over)]
    for (const name of summed) axisOf('quantize', weights, name)
    if (dtype !== 'f32')
      throw new DtypeError({
        operation: 'quantize',
        expected: 'f32 weights',
        found: weights.describe(),
        hint: "convert them with cast(weights, 'f32')",
      })
    if (!weightFormats.includes(format))
      throw new UsageError({
        operation: 'quantize',
        expected: weightFormats.join(', '),
        found: inWords(format),
        hint: 'choose one of these',
      })
    if (weights.elements === 0 || summed.length === 0)
      throw new ShapeError({
        operation: 'quantize',
        expected: 'weights with elements, and at least one axis to sum over',
        found: `${weights.describe()}, summed over ${summed.join(', ') || 'nothing'}`,
        hint: 'leave them as they are',
      })
    const columns = weights.axes.filter((name) => !summed.includes(name))
    const depth = summed.reduce((count, name) => count * weights.size(name), 1)
    // Either way round, as they lie; else a copy.
    const turned = isRowMajor(weights, [...columns, ...summed])
    const laid = turned ? weights : arrange(weights, [...summed, ...columns])
    const count = weights.elements / depth
    const { bytes } = packedShape(format, device.target.machine, count, depth)
    const made = new QuantizedWeights<A>(
      new Storage(device, 'u8', bytes),
      format,
      shapeOf(weights) as Shape<A>,
      summed,
      quantizedOperations,
    )
    execute(device, () =>
      planPackWeights({ ...made.packed, format }, laid.address, turned ? 1 : count, turned ? depth : 1),
    )
    if (laid !== weights) laid.dispose()
    return made
  })
}

/** What weights carry: see `QuantizedOperations`. */
export const quantizedOperations: QuantizedOperations = {
  dot: contractQuantized,
  gather: gatherQuantized,
  dequantize,
  gradient: quantizedGradient,
}

/** The numbers that quantized weights stand for, as f32. */
export function dequantize<A extends string>(weights: QuantizedWeights<A>): Tensor<A> {
  return allOrNothing(() => {
    const { columns } = weights.packed
    const order = [...weights.columnAxes, ...weights.over]
    const result = emptyArranged(weights.device, 'f32', weights.shape, order)
    unpack(
      weights,
      Int32Array.from({ length: columns }, (_, i) => i),
      result,
    )
    return result as AnyTensor as Tensor<A>
  })
}

/** Bytes of weights that are written out at once for a gradient. */
const mostWrittenOut = 2 ** 22

/**
 * The gradient of what quantized weights were multiplied with: that of the product, times the numbers that
 * the weights stand for, summed over their columns. (The rounding of that operand counts as the identity.)
 * A few columns are written out at a time, so that the weights are never held as f32.
 *
 * @param gradient of the product: the axes of the other operand that were not summed over, and `columnAxes`
 * @param scale what the product was multiplied by
 */
export function quantizedGradient(weights: AnyQuantizedWeights, gradient: Tensor, scale?: number): Tensor {
  return allOrNothing(() => {
    const { columnAxes, over, shape, device } = weights
    const { columns, depth } = weights.packed
    const sizes = (names: readonly string[]): Record<string, number> =>
      Object.fromEntries(names.map((name) => [name, shape[name]!]))
    const [outermost, ...inner] = columnAxes
    const count = outermost === undefined ? 1 : shape[outermost]!
    const together = columns / count
    const most = Math.max(1, Math.floor(mostWrittenOut / (4 * together * depth)))
    let total: Tensor | undefined
    for (let start = 0; start < count; start += most) {
      const size = Math.min(most, count - start)
      const own = { ...(outermost !== undefined && { [outermost]: size }), ...sizes(inner), ...sizes(over) }
      const part = emptyArranged(device, 'f32', own)
      const first = start * together
      unpack(
        weights,
        Int32Array.from({ length: size * together }, (_, i) => first + i),
        part,
      )
      const seen =
        size === count ? gradient : (slice(gradient, outermost as never, start, start + size) as Tensor)
      const sum: Tensor = contract(seen, part, columnAxes, { scale, residual: total })
      for (const done of [part, total, seen === gradient ? undefined : seen]) done?.dispose()
      total = sum
    }
    return total!
  })
}

function unpack(weights: AnyQuantizedWeights, numbers: Int32Array, target: Tensor): void {
  const { device } = weights
  const { packed } = weights
  const { format, columns, depth } = packed
  const key = `unpack ${format} ${columns} ${depth} ${numbers.length}`
  const prepared =
    preparedFor(device, key) ??
    prepare(device, key, [], 3, (values) =>
      planUnpackColumns({ ...packed, address: values[0]! }, values[1]!, numbers.length, values[2]!),
    )
  withIntegers(device, numbers, (placed) =>
    runPrepared(device, prepared, [packed.address, placed, target.address]),
  )
}

/**
 * `gather` from quantized weights whose other axes are summed over: positions of `axis` by number, as f32.
 *
 * @throws as `gather` does
 */
export function gatherQuantized<A extends string, V extends A, I extends string>(
  weights: QuantizedWeights<A>,
  ids: Tensor<I>,
  axis: V,
): Tensor<Exclude<A, V> | I> {
  return allOrNothing(() => {
    const device = sameDevice('gather', [weights, ids])
    if (weights.columnAxes.length !== 1 || weights.columnAxes[0] !== axis)
      throw new ShapeError({
        operation: 'gather',
        axis,
        expected: `weights quantized over all axes but '${axis}'`,
        found: weights.describe(),
        hint: 'dequantize() them, or quantize them over the other axes',
      })
    if (ids.dtype !== 'i32' && ids.dtype !== 'u8' && ids.dtype !== 'i8')
      throw new DtypeError({
        operation: 'gather',
        expected: 'ids stored as i32',
        found: ids.describe(),
        hint: "convert them with cast(ids, 'i32')",
      })
    const idAxes = rowMajor(ids.shape)
    const numbers = Int32Array.from(values(ids, ids.axes))
    checkIds(numbers, idAxes, { name: axis, size: weights.shape[axis], stride: 1 })
    const shape = {
      ...shapeOf(ids),
      ...Object.fromEntries(weights.over.map((name) => [name, weights.shape[name]])),
    }
    const result = emptyArranged(device, 'f32', shape)
    unpack(weights, numbers, result)
    return result as never
  })
}
