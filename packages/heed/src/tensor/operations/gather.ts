import { DtypeError, ShapeError, type Dtype } from '../../base/index.js'
import { planGather, planScatterAdd } from '../../kernels/index.js'
import type { Device } from '../../device/index.js'
import { values } from '../create.js'
import { execute } from '../execute.js'
import { arranged, elementOf, emptyArranged, sameDevice } from '../layout.js'
import { outputOf, planKeyOf, prepare, preparedFor, runPrepared } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record, tracked } from '../tape.js'
import { type AnyTensor, type Axis, axisOf, hasAxis, rowMajor, type Tensor } from '../tensor.js'
import { arrange } from './copy.js'

/** What the gradient needs: where each of the ids' positions was taken from. */
export interface GatherAttributes {
  readonly axis: string
  /** The axes of the ids, in the order of `ids`. */
  readonly idAxes: readonly Axis[]
  readonly ids: Int32Array
}

/**
 * Picks positions of one axis by number: `gather(table, ids, 'vocabulary')` with table vocabulary width and
 * ids batch position gives batch position width, the embedding look-up. An axis that ids and table share is
 * matched: `gather(logits, targets, 'vocabulary')` with logits batch position vocabulary and targets batch
 * position gives the target's logit at each position.
 *
 * The result is f32, or i32 where the table holds integers. Its gradient adds up over equal ids, in a fixed
 * order.
 *
 * @param ids integers from 0 to the size of `axis` − 1, stored as i32 (or u8, i8)
 * @throws ShapeError if the table lacks `axis`, an id is out of range (nothing has run then), or a shared
 * axis has two sizes
 * @throws DtypeError if the ids are no integers
 */
export function gather<A extends string, V extends A, I extends string>(
  table: Tensor<A>,
  ids: Tensor<I>,
  axis: V,
): Tensor<Exclude<A, V> | I> {
  return allOrNothing(() => {
    const device = sameDevice('gather', [table, ids])
    const picked = axisOf('gather', table, axis)
    if (ids.dtype !== 'i32' && ids.dtype !== 'u8' && ids.dtype !== 'i8') {
      throw new DtypeError({
        operation: 'gather',
        expected: 'ids stored as i32',
        found: ids.describe(),
        hint: "convert them with cast(ids, 'i32')",
      })
    }
    const idAxes = rowMajor(ids.shape)
    const numbers = Int32Array.from(values(ids, ids.axes))
    checkIds(numbers, idAxes, picked)

    const tableStride = (idAxis: Axis): number => {
      if (idAxis.name === axis) return 0
      const shared = table.layout.find(({ name }) => name === idAxis.name)
      if (shared === undefined) return 0
      if (shared.size === idAxis.size) return shared.stride
      throw new ShapeError({
        operation: 'gather',
        axis: idAxis.name,
        expected: `axis '${idAxis.name}' of size ${shared.size}, as the table has`,
        found: String(idAxis.size),
        hint: 'rename the axis of the ids if it means something else',
      })
    }
    const starts = offsetsAlong(idAxes.map((idAxis) => ({ size: idAxis.size, stride: tableStride(idAxis) })))
    for (let i = 0; i < starts.length; i++) starts[i]! += numbers[i]! * picked.stride

    const rest = table.layout.filter((other) => other !== picked && !hasAxis(ids, other.name))
    const { outer, width, step } = innerRow(rest)
    const within = offsetsAlong(outer)
    const offsets =
      within.length === 1
        ? starts
        : Int32Array.from(
            { length: starts.length * within.length },
            (_, i) => starts[Math.floor(i / within.length)]! + within[i % within.length]!,
          )
    const key = planKeyOf(`gather ${axis}`, [table, ids])
    const prepared =
      preparedFor(device, key) ??
      prepare(
        device,
        key,
        [
          arranged(
            storedWide(table.dtype),
            Object.fromEntries([...idAxes, ...rest].map(({ name, size }) => [name, size])),
            [...idAxes, ...[...rest].sort((a, b) => b.stride - a.stride)].map(({ name }) => name),
          ),
        ],
        3,
        (places) =>
          planGather({
            table: places[0]!,
            element: elementOf(table.dtype),
            offsets: places[1]!,
            rows: offsets.length,
            width,
            step,
            output: places[2]!,
          }),
      )
    const output = outputOf(device, prepared, 0)
    withIntegers(device, offsets, (placed) =>
      runPrepared(device, prepared, [table.address, placed, output.address]),
    )
    const attributes: GatherAttributes | undefined = tracked([table])
      ? { axis, idAxes, ids: numbers }
      : undefined
    return record('gather', [table], output, attributes) as never
  })
}

/** The gradient of a look-up: each row of the gradient added to the row of the table that it came from. */
export function scatterAdd(gradient: Tensor, table: AnyTensor, attributes: GatherAttributes): Tensor {
  const { axis, idAxes, ids } = attributes
  const shared = idAxes.filter(({ name }) => name !== axis && hasAxis(table, name))
  const picked = axisOf('gather', table, axis)
  const rest = table.layout.filter((other) => other !== picked && !idAxes.some((a) => a.name === other.name))
  const order = [...idAxes, ...rest].map(({ name }) => name)
  const arranged = arrange(gradient, order)
  const result = emptyArranged(
    table.device,
    'f32',
    Object.fromEntries([...shared, picked, ...rest].map(({ name, size }) => [name, size])),
  )
  let block = picked.size
  const strides = new Map<string, number>()
  for (const { name, size } of [...shared].reverse()) {
    strides.set(name, block)
    block *= size
  }
  const rowOf = offsetsAlong(idAxes.map(({ name, size }) => ({ size, stride: strides.get(name) ?? 0 })))
  for (let i = 0; i < rowOf.length; i++) rowOf[i]! += ids[i]!
  execute(table.device, (allocate) =>
    planScatterAdd({
      rowOf,
      entries: arranged.address,
      rows: block,
      width: rest.reduce((count, { size }) => count * size, 1),
      output: result.address,
      place: (integers) => placeIntegers(table.device, allocate, integers),
    }),
  )
  arranged.dispose()
  return result
}

export function checkIds(ids: Int32Array, axes: readonly Axis[], { name, size }: Axis): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (id >= 0 && id < size) continue
    let rest = i
    const place = axes.map((axis) => {
      const position = Math.floor(rest / axis.stride)
      rest -= position * axis.stride
      return `${axis.name} ${position}`
    })
    throw new ShapeError({
      operation: 'gather',
      axis: name,
      expected:
        size === 0
          ? `no ids: axis '${name}' is empty`
          : `ids from 0 to ${size - 1} (axis '${name}' of size ${size})`,
      found: `id ${id}${place.length > 0 ? ` at ${place.join(', ')}` : ''}`,
      hint: 'check that ids and table belong together',
    })
  }
}

/** How far each position lies from the first, row-major. */
function offsetsAlong(axes: readonly { readonly size: number; readonly stride: number }[]): Int32Array {
  let offsets = new Int32Array(1)
  for (const { size, stride } of axes) {
    const next = new Int32Array(offsets.length * size)
    for (let i = 0, to = 0; i < offsets.length; i++) {
      for (let position = 0; position < size; position++) next[to++] = offsets[i]! + position * stride
    }
    offsets = next
  }
  return offsets
}

/**
 * The longest run of evenly spaced elements, and the axes around it from the outermost in memory to the
 * innermost.
 */
function innerRow(axes: readonly Axis[]): { outer: readonly Axis[]; width: number; step: number } {
  const outer = axes.filter(({ size }) => size !== 1).sort((a, b) => b.stride - a.stride)
  const { size, stride: step } = outer.pop() ?? { size: 1, stride: 1 }
  let width = size
  while (outer.length > 0 && outer[outer.length - 1]!.stride === step * width) width *= outer.pop()!.size
  return { outer, width, step }
}

function storedWide(dtype: Dtype): Dtype {
  return dtype === 'f16' || dtype === 'bf16' || dtype === 'f32' ? 'f32' : 'i32'
}

/** Runs `work` with the address of integers in the heap, which are there as long as it runs. */
export function withIntegers(device: Device, integers: Int32Array, work: (address: number) => void): void {
  const address = device.heap.allocate(4 * integers.length)
  try {
    device.heap.i32.set(integers, address / 4)
    work(address)
  } finally {
    device.heap.free(address)
  }
}

function placeIntegers(device: Device, allocate: (bytes: number) => number, integers: Int32Array): number {
  const address = allocate(4 * integers.length)
  device.heap.i32.set(integers, address / 4)
  return address
}
