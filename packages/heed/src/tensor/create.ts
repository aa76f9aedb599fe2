import {
  f16ArrayToF32,
  bf16ArrayToF32,
  fillNormal,
  fillUniform,
  MemoryError,
  ShapeError,
  sizeOf,
  validateShape,
  zerosOf,
  type Dtype,
  type RandomKey,
  type Shape,
  UsageError,
  checkKey,
  checkNumber,
  inWords,
} from '../base/index.js'
import type { Device } from '../device/index.js'
import { currentDevice } from './context.js'
import { checkNumbers, dtypeOf, writeNumbers } from './numbers.js'
import { Storage } from './storage.js'
import { type AnyTensor, axisOf, checkOrder, rowMajor, Tensor, type Values } from './tensor.js'

/** Of every function that makes a tensor. */
export interface TensorOptions {
  /** What the elements are stored as; default f32. */
  readonly dtype?: Dtype
  /** Where; default the current device. */
  readonly device?: Device
}

/**
 * A new tensor with unspecified contents, row-major in the order of `shape`.
 *
 * @throws ShapeError for sizes that are no whole numbers of at least 0, or 2³¹ elements and more
 * @throws MemoryError if the heap has no room
 */
export function empty<A extends string = never>(
  shape: Shape<A>,
  { dtype = 'f32', device = currentDevice() }: TensorOptions = {},
): Tensor<A> {
  validateShape('tensor', shape)
  return new Tensor<A>(new Storage(device, dtype, sizeOf(shape)), rowMajor(shape))
}

/**
 * A tensor of given numbers, row-major in the order of `shape`. Without a `dtype`, a typed array keeps its
 * own:
 *
 * | data | dtype |
 * |---|---|
 * | integers of 16 or 32 bits, as an Int32Array | i32 |
 * | Uint8Array | u8 |
 * | Int8Array | i8 |
 * | Float16Array | f16 |
 * | Float32Array, Float64Array, any other list | f32 |
 *
 * Floats are rounded to the nearest number of the dtype, ties to even. A Uint16Array given for f16 or bf16 is
 * taken as their bits.
 *
 * @throws ShapeError if there are more or fewer numbers than the shape has
 * @throws DtypeError for what is no number, and for a number that the dtype does not hold: a fraction, NaN or
 * 3e9 for i32, 300 for u8, 1e5 for f16
 * @throws MemoryError if the heap has no room
 */
export function tensor<A extends string = never>(
  data: ArrayLike<number> | number,
  shape: Shape<A>,
  options: TensorOptions = {},
): Tensor<A> {
  const numbers = typeof data === 'number' ? [data] : data
  checkNumbers('tensor', numbers)
  const made = empty(shape, { ...options, dtype: options.dtype ?? dtypeOf(numbers) })
  if (numbers.length !== made.elements) {
    made.dispose()
    throw new ShapeError({
      operation: 'tensor',
      expected: `${made.elements} numbers for ${made.describe()}`,
      found: `${numbers.length}`,
      hint: Array.isArray(numbers[0]) ? 'give one flat list: data.flat(Infinity)' : 'check the sizes',
    })
  }
  writeInto(made, numbers)
  return made
}

/** A scalar: a tensor without axes. */
export function scalar(value: number, options: TensorOptions = {}): Tensor<never> {
  return tensor(value, {}, options)
}

/** A tensor whose elements are all `value`. */
export function full<A extends string = never>(
  shape: Shape<A>,
  value: number,
  options: TensorOptions = {},
): Tensor<A> {
  const { dtype = 'f32', device = currentDevice() } = options
  const made = empty(shape, { dtype, device })
  try {
    const one = zerosOf(storedAs(dtype, device), 1)
    writeNumbers('full', one, storedAs(dtype, device), [value], () => '')
    heapView(made).fill(one[0]!)
  } catch (error) {
    made.dispose()
    throw error
  }
  return made
}
/** A tensor of zeros. */
export function zeros<A extends string = never>(shape: Shape<A>, options: TensorOptions = {}): Tensor<A> {
  return full(shape, 0, options)
}
/** A tensor of ones. */
export function ones<A extends string = never>(shape: Shape<A>, options: TensorOptions = {}): Tensor<A> {
  return full(shape, 1, options)
}

/** 0, 1, …, size − 1 along one axis, as i32. */
export function range<A extends string>(
  axis: A,
  size: number,
  options: Omit<TensorOptions, 'dtype'> = {},
): Tensor<A> {
  validateShape('tensor', { [axis]: size })
  return tensor(
    Int32Array.from({ length: size }, (_, i) => i),
    { [axis]: size } as Shape<A>,
    { ...options, dtype: 'i32' },
  )
}

/**
 * Normally distributed with mean 0: the same numbers for the same key on every device.
 *
 * @throws UsageError for a deviation that is no number of at least 0
 */
export function normal<A extends string = never>(
  key: RandomKey,
  shape: Shape<A>,
  deviation = 1,
  options: Omit<TensorOptions, 'dtype'> = {},
): Tensor<A> {
  checkKey('normal', key)
  if (!(typeof deviation === 'number' && deviation >= 0 && deviation < Infinity))
    throw new UsageError({
      operation: 'normal',
      expected: 'a deviation of at least 0',
      found: inWords(deviation),
      hint: 'leave it out for 1',
    })
  const numbers = fillNormal(key, roomFor('normal', shape))
  for (let i = 0; i < numbers.length; i++) numbers[i]! *= deviation
  return tensor(numbers, shape, options)
}

/**
 * Uniformly distributed in [low, high): no number is below `low` or reaches `high`, whatever is rounded. All
 * are `low` where `high` is the same.
 *
 * @throws UsageError unless low ≤ high, both are finite as f32, and some float lies between them
 */
export function uniform<A extends string = never>(
  key: RandomKey,
  shape: Shape<A>,
  low = 0,
  high = 1,
  options: Omit<TensorOptions, 'dtype'> = {},
): Tensor<A> {
  checkKey('uniform', key)
  checkNumber('uniform', 'the lower bound', low)
  checkNumber('uniform', 'the upper bound', high)
  const [least, most] = floatsWithin(low, high)
  const numbers = fillUniform(key, roomFor('uniform', shape))
  for (let i = 0; i < numbers.length; i++) {
    const number = Math.fround(low + (high - low) * numbers[i]!)
    numbers[i] = Math.min(most, Math.max(least, number))
  }
  return tensor(numbers, shape, options)
}

/**
 * The least float that is not below `low`, and the greatest below `high`; both are `low` where `high` is the
 * same.
 */
function floatsWithin(low: number, high: number): [number, number] {
  const refuse = (expected: string): never => {
    throw new UsageError({
      operation: 'uniform',
      expected,
      found: `${low} and ${high}`,
      hint: 'give the lower bound first, then the upper one, which is left out',
    })
  }
  const [from, to] = [Math.fround(low), Math.fround(high)]
  if (!Number.isFinite(from) || !Number.isFinite(to)) refuse('bounds that are finite as f32')
  if (!(low <= high)) refuse('a lower bound that is not above the upper one')
  if (low === high) return [from, from]
  const least = from < low ? nextFloat(from, 1) : from
  const most = to < high ? to : nextFloat(to, -1)
  return least <= most ? [least, most] : refuse('bounds with a float between them')
}

/** The float after `x` (direction 1) or before it (−1). */
function nextFloat(x: number, direction: 1 | -1): number {
  if (x === 0) return direction * 2 ** -149
  const float = Float32Array.of(x)
  const bits = new Int32Array(float.buffer)
  bits[0]! += x > 0 ? direction : -direction
  return float[0]!
}

function roomFor(operation: string, shape: Shape): Float32Array<ArrayBuffer> {
  validateShape(operation, shape)
  const elements = sizeOf(shape)
  try {
    // No heap has room for more.
    if (4 * elements > 2 ** 32) throw new RangeError('more than 4 GiB')
    return new Float32Array(elements)
  } catch (cause) {
    throw new MemoryError({
      operation,
      expected: 'numbers that fit in memory',
      found: String(elements),
      hint: 'make the tensor smaller',
      cause,
    })
  }
}

/**
 * The elements of a contiguous tensor in the heap, as they are stored: to be read, or written before anybody
 * has read them. The view is invalid once the heap grows.
 */
export function heapView(tensor: AnyTensor): Values {
  const {
    device: { heap },
    dtype,
    address,
    elements,
  } = tensor
  const { buffer } = heap.memory
  switch (dtype) {
    case 'f32':
      return tensor.device.floatBytes === 8
        ? new Float64Array(buffer, address, elements)
        : new Float32Array(buffer, address, elements)
    case 'i32':
      return new Int32Array(buffer, address, elements)
    case 'f16':
    case 'bf16':
      return new Uint16Array(buffer, address, elements)
    case 'u8':
      return new Uint8Array(buffer, address, elements)
    case 'i8':
      return new Int8Array(buffer, address, elements)
    case 'f64':
      throw new ShapeError({ operation: 'tensor', expected: 'a stored dtype', found: 'f64', hint: 'use f32' })
  }
}

/**
 * Writes numbers, row-major in the order of `order`, over a contiguous tensor that nobody else has seen yet.
 *
 * @throws DtypeError for a number that its dtype does not hold; it is disposed then
 */
export function writeInto(
  made: AnyTensor,
  numbers: ArrayLike<number>,
  operation = 'tensor',
  order: readonly string[] = made.layout.map(({ name }) => name),
): void {
  const sizes = order.map((name) => made.layout.find((axis) => axis.name === name)!.size)
  const place = (i: number): string => {
    let rest = i
    const positions = sizes.map(() => 0)
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      positions[axis] = rest % sizes[axis]!
      rest = Math.floor(rest / sizes[axis]!)
    }
    return order.map((name, axis) => `${name} ${positions[axis]}`).join(', ')
  }
  try {
    writeNumbers(operation, heapView(made), storedAs(made.dtype, made.device), numbers, place)
  } catch (error) {
    made.dispose()
    throw error
  }
}

/** f32 takes 64 bits where the device computes in f64. */
function storedAs(dtype: Dtype, device: Device): Dtype {
  return dtype === 'f32' && device.floatBytes === 8 ? 'f64' : dtype
}

/** See `Tensor.values`. f16 and bf16 come back as f32. */
export function values(source: AnyTensor, order: readonly string[]): Values {
  checkOrder('values', source, order)
  const axes = order.map((name) => axisOf('values', source, name))
  const stored = gatherElements(source, axes)
  if (source.dtype === 'f16') return f16ArrayToF32(stored as Uint16Array)
  if (source.dtype === 'bf16') return bf16ArrayToF32(stored as Uint16Array)
  return stored
}

function gatherElements(
  source: AnyTensor,
  axes: readonly { readonly size: number; readonly stride: number }[],
): Values {
  const { elements } = source
  let stride = elements
  const contiguous =
    elements === 0 ||
    axes.every((axis) => {
      stride /= axis.size || 1
      return axis.size === 1 || axis.stride === stride
    })
  if (contiguous) return heapView(source).slice()
  const extent = 1 + axes.reduce((last, axis) => last + (axis.size - 1) * axis.stride, 0)
  const all = heapView({ ...pick(source), elements: extent } as AnyTensor)
  const result = new (all.constructor as new (length: number) => Values)(elements)
  const inner = axes[axes.length - 1]!
  const counters = axes.slice(0, -1).map(() => 0)
  for (let from = 0, to = 0; to < elements;) {
    for (let i = 0; i < inner.size; i++) result[to++] = all[from + i * inner.stride]!
    for (let axis = counters.length - 1; axis >= 0; axis--) {
      const { size, stride: step } = axes[axis]!
      from += step
      if (++counters[axis]! < size) break
      from -= size * step
      counters[axis] = 0
    }
  }
  return result
}

function pick({ device, dtype, address }: AnyTensor): Pick<AnyTensor, 'device' | 'dtype' | 'address'> {
  return { device, dtype, address }
}
