import { ShapeError, sizeOf, StateError, type Dtype, type Shape, inWords, UsageError } from '../base/index.js'
import type { Device } from '../device/index.js'
import { Holder } from './holder.js'
import { type Methods, methods } from './methods.js'
import { type Storage, storedBytes } from './storage.js'
import type { Values } from './values.js'

/** One axis of a tensor: its name, its size, and how many elements apart its neighbours lie. */
export interface Axis {
  readonly name: string
  readonly size: number
  readonly stride: number
}

/** What is true of a tensor whatever its axes are called. */
export interface AnyTensor {
  readonly device: Device
  readonly dtype: Dtype
  readonly storage: Storage
  /** Elements from the start of the storage to the first element. */
  readonly offset: number
  /** In their order in `shape`. */
  readonly layout: readonly Axis[]
  readonly elements: number
  /**
   * Byte address of the first element.
   *
   * @throws StateError after the tensor was freed
   */
  readonly address: number
  readonly freed: boolean
  dispose(): void
}

/** What JSON says of a tensor. */
export interface TensorJson {
  readonly dtype: Dtype
  readonly shape: Readonly<Record<string, number>>
  readonly values?: readonly (number | string)[]
  readonly freed?: true
}
const mostWritten = 1_000_000

/** In words a tensor of up to so many elements shows the first few. */
const [most, shown] = [10_000, 12] as const

/**
 * Numbers along named axes: `Tensor<'batch' | 'position' | 'width'>`. Names are checked by the compiler,
 * sizes when an operation runs. A tensor is a value: no operation changes it. The order of the axes matters
 * only where data enter or leave.
 *
 * Freed by `dispose()`, by the `scope()` it was made in, or at the latest when it is garbage.
 */
export class Tensor<A extends string = string> extends Holder implements AnyTensor {
  /** Keeps `Tensor<'a'>` and `Tensor<'a' | 'b'>` apart in both directions; never present at run time. */
  declare readonly axisNames: (axis: A) => A
  readonly offset: number
  readonly layout: readonly Axis[]
  readonly elements: number

  /** Takes over one reference to `storage`. */
  constructor(storage: Storage, layout: readonly Axis[], offset = 0) {
    super(storage)
    this.layout = layout
    this.offset = offset
    let elements = 1
    for (const { size } of layout) elements *= size
    this.elements = elements
  }

  get device(): Device {
    return this.storage.device
  }
  get dtype(): Dtype {
    return this.storage.dtype
  }

  /** Axis names with their sizes. */
  get shape(): Shape<A> {
    return Object.fromEntries(this.layout.map(({ name, size }) => [name, size])) as Shape<A>
  }
  get axes(): readonly A[] {
    return this.layout.map(({ name }) => name as A)
  }

  /**
   * This tensor with its axes in its type, in any order: for one whose axes only the run knows, such as a
   * value that `collect` found by its name.
   *
   * @throws ShapeError if it has other axes
   */
  withAxes<B extends string>(...axes: readonly B[]): Tensor<B> {
    const known = this.layout.every(({ name }) => axes.includes(name as B))
    if (known && new Set(axes).size === this.layout.length) return this as AnyTensor as Tensor<B>
    throw new ShapeError({
      operation: 'withAxes',
      expected: `axes ${axes.join(', ') || 'none'}`,
      found: this.describe(),
      hint: 'name the axes that the tensor has',
    })
  }

  /** The number of positions along an axis. */
  size(axis: A): number {
    const found = this.layout.find(({ name }) => name === axis)
    if (!found) throw missingAxis('size', axis, this)
    return found.size
  }

  get address(): number {
    if (this.freed) {
      throw new StateError({
        operation: 'tensor',
        expected: 'a tensor in use',
        found: `a freed one (${this.describe()})`,
        hint: 'return it from scope(), or do not dispose it while it is needed; a Trainer frees the weights that it replaces (trainer.model has the new ones)',
      })
    }
    if (this.storage.waiting) {
      throw new StateError({
        operation: 'together',
        expected: 'results to be read after together() has run',
        found: `one read within it, of which nothing is written yet (${this.describe()})`,
        hint: 'return it from together(), and compute with it behind it',
      })
    }
    return placeOf(this)
  }

  /** `f32 batch 2, position 5, width 8` */
  describe(): string {
    return `${this.dtype} ${this.layout.map(({ name, size }) => `${name} ${size}`).join(', ') || 'scalar'}`
  }

  /**
   * In words, with the first few numbers where there are not too many:
   * `Tensor(f32 row 2, column 2: 1, 2, 3, 0.3333)`.
   */
  override toString(): string {
    if (this.freed) return `Tensor(${this.describe()}, freed)`
    if (this.storage.waiting) return `Tensor(${this.describe()}, not computed yet)`
    if (this.elements > most) return `Tensor(${this.describe()})`
    const numbers = Array.from(this.values().subarray(0, shown), (value) => Number(value.toPrecision(4)))
    return `Tensor(${this.describe()}: ${numbers.join(', ')}${this.elements > shown ? ', …' : ''})`
  }

  /**
   * What an operator of JavaScript makes of a tensor: text, as toString(). `a < b` compiles for two tensors,
   * and would compare nothing.
   *
   * @throws UsageError where a number is wanted, as `a < b` and `a * 2` do
   */
  [Symbol.toPrimitive](hint: 'number' | 'string' | 'default'): string {
    if (hint !== 'number') return this.toString()
    throw new UsageError({
      operation: 'tensor',
      expected: 'methods on a tensor',
      found: `an operator on ${this.describe()}`,
      hint: 'write a.mul(b) for a * b, and a.item() < b.item() to compare two of one element each',
    })
  }

  /**
   * What JSON.stringify writes: dtype, shape, and the numbers in row-major order, those that JSON lacks as
   * 'NaN', 'Infinity' and '-Infinity'. A freed tensor says that it is one.
   *
   * @throws ShapeError for more than a million elements: weights go into files with saveWeights
   */
  toJSON(): TensorJson {
    const { dtype, shape } = this
    if (this.freed) return { dtype, shape, freed: true }
    if (this.elements > mostWritten) {
      throw new ShapeError({
        operation: 'toJSON',
        expected: `a tensor of at most ${mostWritten} elements`,
        found: this.describe(),
        hint: 'write weights with saveWeights(), or stringify a part of it',
      })
    }
    const values = Array.from(this.values(), (value) => (Number.isFinite(value) ? value : String(value)))
    return { dtype, shape, values }
  }

  /**
   * The elements: a copy, row-major in the order of `order` (default: that of `shape`). f32, f16 and bf16
   * tensors give a Float32Array, and f32 ones a Float64Array on a device that computes in f64. Others give
   * the array of their dtype.
   *
   * @throws ShapeError unless `order` names each axis once; StateError after the tensor was freed
   */
  values(order: readonly A[] = this.axes): Values {
    return methods.values(this, order) as Values
  }
  /**
   * The only element.
   *
   * @throws ShapeError where there are more
   */
  item(): number {
    if (this.elements !== 1) {
      throw new ShapeError({
        operation: 'item',
        expected: 'a tensor of one element',
        found: this.describe(),
        hint: 'reduce it first: sum, mean, max',
      })
    }
    return this.values()[0]!
  }

  // Arithmetic, element by element; axes that one side lacks are broadcast by name.
  add<B extends string = never>(other: Tensor<B> | number): Tensor<A | B> {
    return methods.add(this, other)
  }
  sub<B extends string = never>(other: Tensor<B> | number): Tensor<A | B> {
    return methods.sub(this, other)
  }
  mul<B extends string = never>(other: Tensor<B> | number): Tensor<A | B> {
    return methods.mul(this, other)
  }
  div<B extends string = never>(other: Tensor<B> | number): Tensor<A | B> {
    return methods.div(this, other)
  }
  neg(): Tensor<A> {
    return methods.mul(this, -1)
  }

  /** The same elements under other axis names: `rename({ position: 'key' })`. No copy. */
  rename<const R extends Partial<Record<A, string>>>(names: R): Tensor<Renamed<A, R>> {
    return methods.rename(this, names) as Tensor<Renamed<A, R>>
  }
  /** One axis as several, the first outermost: `split('width', { head: 4, width: 16 })`. No copy. */
  split<F extends A, const S extends Readonly<Record<string, number>>>(
    axis: F,
    into: S,
  ): Tensor<Exclude<A, F> | (keyof S & string)> {
    return methods.split(this, axis, into)
  }
  /**
   * Several axes as one, the first outermost: `merge(['head', 'width'], 'width')`. A copy only where they do
   * not lie so already.
   */
  merge<const F extends A, N extends string>(axes: readonly F[], into: N): Tensor<Exclude<A, F> | N> {
    return methods.merge(this, axes, into)
  }
  /** Positions start … end − 1 of an axis. No copy. */
  slice(axis: A, start: number, end: number): Tensor<A> {
    return methods.slice(this, axis, start, end)
  }
  /** One position of an axis, which is gone from the result. No copy. */
  at<F extends A>(axis: F, position: number): Tensor<Exclude<A, F>> {
    return methods.at(this, axis, position)
  }
}

export type { Values }

/** `A` with the names that `R` changes. */
export type Renamed<A extends string, R> = {
  [K in A]: K extends keyof R ? (R[K] extends string ? R[K] : K) : K
}[A]

/** Byte address of the first element, even where its numbers have not been computed yet. */
export function placeOf({ storage, offset }: Pick<AnyTensor, 'storage' | 'offset'>): number {
  return storage.address + offset * storedBytes(storage.device, storage.dtype)
}

/** Whether a value is a tensor. */
/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor
}

/** Row-major axes of a shape: what a new tensor gets. */
export function rowMajor(shape: Shape): Axis[] {
  let stride = sizeOf(shape)
  return Object.entries(shape).map(([name, size]) => {
    stride = size === 0 ? 0 : stride / size
    return { name, size, stride }
  })
}

/** What is said where a tensor should stand. */
export function notTensor(operation: string, value: unknown, expected: string = 'a tensor'): UsageError {
  return new UsageError({
    operation,
    expected,
    found: inWords(value),
    hint: "make one: tensor(numbers, { axis: size }), for ids with { dtype: 'i32' }",
  })
}

/**
 * One axis name, or several, each once.
 *
 * @throws ShapeError for what is neither
 */
export function axisNames(operation: string, over: string | readonly string[]): readonly string[] {
  if (typeof over === 'string') return [over]
  if (Array.isArray(over) && over.every((name) => typeof name === 'string')) return [...new Set(over)]
  throw new ShapeError({
    operation,
    expected: 'the name of an axis, or a list of names',
    found: inWords(over),
    hint: "name them: 'width', or ['height', 'width']",
  })
}

/**
 * The axis of a name.
 *
 * @throws ShapeError, with `hint`, where there is none
 */
export function axisOf(operation: string, tensor: AnyTensor, name: string, hint?: string): Axis {
  const layout = (tensor as AnyTensor | undefined | null)?.layout
  if (layout === undefined) throw notTensor(operation, tensor)
  const axis = layout.find((candidate) => candidate.name === name)
  if (!axis) throw missingAxis(operation, name, tensor, hint)
  return axis
}

/** @throws ShapeError unless `order` names each axis of the tensor once */
export function checkOrder(operation: string, { layout }: AnyTensor, order: readonly string[]): void {
  const list = Array.isArray(order)
  if (list && order.length === layout.length && layout.every(({ name }) => order.includes(name))) return
  throw new ShapeError({
    operation,
    expected: `each of the axes ${layout.map(({ name }) => name).join(', ')} once`,
    found: list ? order.join(', ') : inWords(order),
    hint: 'name every axis of the tensor in the order wanted',
  })
}

export function hasAxis(tensor: AnyTensor, name: string): boolean {
  return tensor.layout.some((axis) => axis.name === name)
}

function missingAxis(
  operation: string,
  axis: string,
  tensor: AnyTensor,
  hint = 'name an axis that the tensor has, or rename one',
): ShapeError {
  const names = tensor.layout.map(({ name }) => name).join(', ') || 'none'
  return new ShapeError({
    operation,
    axis,
    expected: `an axis '${axis}'`,
    found: `axes ${names}`,
    hint,
  })
}

/** The type of what fills `methods`: operations as the tensor's methods call them. */
export type { Methods }
