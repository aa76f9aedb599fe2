import { DtypeError, ShapeError, UsageError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { input, planMap, type StridedOperand } from '../../kernels/index.js'
import { arranged, physicalOrder, sameDevice, shapeOf, stridesFor } from '../layout.js'
import { outputOf, planKeyOf, prepare, type Prepared, preparedFor, runWithOthers } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, type Axis, axisOf, hasAxis, type Tensor } from '../tensor.js'
import { viewOver } from '../view.js'

/**
 * Which entries of a vector are turned together: i and i + half the width (Llama, NeoX), or 2i and 2i + 1
 * (the paper, GPT-J).
 */
export type RotaryPairs = 'half' | 'interleaved'

export interface RotateAttributes {
  readonly axis: string
  readonly pairs: RotaryPairs
}

/**
 * Turns pairs (a, b) of entries along `axis` by angles: (a cos − b sin, b cos + a sin) (Su et al. 2021,
 * "RoFormer", equation 34). `cosine` and `sine` have an axis 'pair' and any of the axes of `x`; they are
 * broadcast over the others. Entries beyond twice the number of pairs are left as they are. One pass.
 *
 * @throws ShapeError if there are more pairs than the axis has, or sizes differ
 */
export function rotate<A extends string, T extends string>(
  x: Tensor<A>,
  axis: NoInfer<A>,
  cosine: Tensor<T>,
  sine: Tensor<T>,
  pairs: RotaryPairs,
): Tensor<A> {
  return allOrNothing(() => {
    checkRotation(x, axis, cosine, sine, pairs)
    const output = turned(x, axis, cosine, sine, pairs, false)
    const attributes: RotateAttributes = { axis, pairs }
    return record('rotate', [x, cosine, sine], output, attributes) as AnyTensor as Tensor<A>
  })
}

const [a, b, cos, sin] = [input(0), input(1), input(2), input(3)]
const forth = [a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))] as const
const back = [a.mul(cos).add(b.mul(sin)), b.mul(cos).sub(a.mul(sin))] as const

/** The rotation, or the one backwards. Not recorded: for gradients. */
export function turned(
  x: AnyTensor,
  axis: string,
  cosine: AnyTensor,
  sine: AnyTensor,
  pairs: RotaryPairs,
  backwards: boolean,
): Tensor {
  const { device } = x
  const key = planKeyOf(`rotate ${backwards} ${pairs} ${axis}`, [x, cosine, sine])
  const prepared =
    preparedFor(device, key) ?? prepareRotation(device, key, x, axis, cosine, sine, pairs, backwards)
  const output = outputOf(device, prepared, 0)
  const values = [x.address, cosine.address, sine.address, output.address]
  runWithOthers(device, prepared, values, [x, cosine, sine], [output])
  return output
}

function prepareRotation(
  device: Device,
  key: string,
  x: AnyTensor,
  axis: string,
  cosine: AnyTensor,
  sine: AnyTensor,
  pairs: RotaryPairs,
  backwards: boolean,
): Prepared {
  const output = arranged('f32', shapeOf(x), physicalOrder(x))
  const { size } = axisOf('rotate', x, axis)
  const count = axisOf('rotate', cosine, 'pair').size
  const order = physicalOrder(x)
  const inPairs = order.map((name) => (name === axis ? 'pair' : name))
  const sizeOf = (name: string): number => output.layout.find((other) => other.name === name)!.size
  const sizes = order.map(sizeOf)
  const place = order.indexOf(axis)
  /** Elements `first`, `first + step`, … along the axis. */
  const along = (
    strides: readonly number[],
    address: number,
    first: number,
    step: number,
  ): StridedOperand => ({
    address: address + first * strides[place]! * device.floatBytes,
    element: 'f32',
    strides: strides.map((stride, i) => (i === place ? step * stride : stride)),
  })
  const [second, step] = pairs === 'half' ? [count, 1] : [1, 2]
  return prepare(device, key, [output], 4, ([from, cosineAt, sineAt, to]) => {
    const [read, written] = [stridesFor(x, order), stridesFor(output, order)]
    const [rotated, rotatedToo] = backwards ? back : forth
    const turning = planMap({
      space: { names: inPairs, sizes: sizes.map((all, i) => (i === place ? count : all)) },
      inputs: [
        along(read, from!, 0, step),
        along(read, from!, second, step),
        { address: cosineAt!, element: 'f32', strides: stridesFor(cosine, inPairs) },
        { address: sineAt!, element: 'f32', strides: stridesFor(sine, inPairs) },
      ],
      outputs: [
        { operand: along(written, to!, 0, step), expression: rotated },
        { operand: along(written, to!, second, step), expression: rotatedToo },
      ],
    })
    // The entries that are not turned.
    const rest = size - 2 * count
    const copying = planMap({
      space: { names: order, sizes: sizes.map((all, i) => (i === place ? rest : all)) },
      inputs: [along(read, from!, 2 * count, 1)],
      outputs: [{ operand: along(written, to!, 2 * count, 1), expression: same }],
    })
    return [...turning, ...copying]
  })
}

/** Both entries of each pair, as views with the axis 'pair' in place of the axis that is turned. */
export function halves(x: AnyTensor, axis: string, count: number, pairs: RotaryPairs): [Tensor, Tensor] {
  const { stride } = axisOf('rotate', x, axis)
  const pair: Axis = { name: 'pair', size: count, stride: pairs === 'half' ? stride : 2 * stride }
  const layout = x.layout.map((other) => (other.name === axis ? pair : other))
  return [viewOver(x, layout), viewOver(x, layout, x.offset + (pairs === 'half' ? count : 1) * stride)]
}

const same = input(0)

function checkRotation(
  x: AnyTensor,
  axis: string,
  cosine: AnyTensor,
  sine: AnyTensor,
  pairs: RotaryPairs,
): void {
  const operation = 'rotate'
  sameDevice(operation, [x, cosine, sine])
  for (const { dtype } of [x, cosine, sine]) {
    if (dtype !== 'f32')
      throw new DtypeError({
        operation,
        expected: 'f32 tensors',
        found: dtype,
        hint: "convert it with cast(x, 'f32')",
      })
  }
  if (pairs !== 'half' && pairs !== 'interleaved')
    throw new UsageError({
      operation,
      expected: "pairs that are 'half' or 'interleaved'",
      found: `'${String(pairs)}'`,
      hint: "Llama and GPT-NeoX have 'half', GPT-J and the paper 'interleaved'",
    })
  const { size } = axisOf(operation, x, axis)
  const count = axisOf(operation, cosine, 'pair').size
  if (2 * count > size)
    throw new ShapeError({
      operation,
      axis,
      expected: `at most ${Math.floor(size / 2)} pairs along '${axis}' of size ${size}`,
      found: String(count),
      hint: 'make the table for the width of a head',
    })
  for (const table of [cosine, sine]) {
    for (const { name, size: found } of table.layout) {
      const expected =
        name === 'pair' ? count : hasAxis(x, name) ? axisOf(operation, x, name).size : undefined
      if (found !== expected)
        throw new ShapeError({
          operation,
          axis: name,
          expected:
            expected === undefined
              ? `axes 'pair' and those of ${x.layout.map((other) => other.name).join(', ')}`
              : `axis '${name}' of size ${expected}`,
          found: expected === undefined ? `'${name}'` : String(found),
          hint: 'slice the table to the positions of x, and name its axis as x does',
        })
    }
  }
}
