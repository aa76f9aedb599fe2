import { type Shape, StateError } from '../base/index.js'
import type { Device } from '../device/index.js'
import type { PackedFormat, PackedWeights } from '../kernels/index.js'
import { Holder } from './holder.js'
import type { Storage } from './storage.js'
import type { AnyTensor, Tensor } from './tensor.js'

/** What is true of quantized weights whatever their axes are called. */
export interface AnyQuantizedWeights {
  readonly storage: Storage
  readonly device: Device
  readonly format: PackedFormat
  /** Axis names with their sizes. */
  readonly shape: Readonly<Record<string, number>>
  /** The axes that products sum over, the outermost in memory first. */
  readonly over: readonly string[]
  /** Axes of the result: those that are not summed over, in the order of `shape`. */
  readonly columnAxes: readonly string[]
  /** What they take, scales included. */
  readonly bytes: number
  /** Where they begin. Throws StateError after they were freed. */
  readonly address: number
  /** As kernels know them. Throws StateError after they were freed. */
  readonly packed: PackedWeights
  readonly freed: boolean
  readonly operations: QuantizedOperations
  describe(): string
  dispose(): void
}

/** What is computed with quantized weights. They carry it, so that programs without them are without it. */
export interface QuantizedOperations {
  /** `dotQuantized`, with the options of `dot`. */
  dot(x: AnyTensor, weights: AnyQuantizedWeights, options?: object): AnyTensor
  /** `gatherQuantized` */
  gather<A extends string, V extends A, I extends string>(
    weights: QuantizedWeights<A>,
    ids: Tensor<I>,
    axis: V,
  ): Tensor<Exclude<A, V> | I>
  dequantize<A extends string>(weights: QuantizedWeights<A>): Tensor<A>
  /** `quantizedGradient` */
  gradient(weights: AnyQuantizedWeights, gradient: Tensor, scale?: number): Tensor
}

/** Recognises them by what only they have, so that programs without them are without the class. */
export function isQuantizedWeights(value: unknown): value is QuantizedWeights {
  return typeof value === 'object' && value !== null && 'operations' in value && 'packed' in value
}

/**
 * A matrix of weights in fewer bits than f32 has, packed for products that sum over some of its axes: what
 * `quantize` and `quantizedFrom` give. It takes a weight's place in `linear`, `embed` and `unembed`.
 * Gradients go through its products to what it is multiplied with; it has none itself.
 *
 * Freed by `dispose()`, by the `scope()` it was made in, or at the latest when it is garbage.
 */
export class QuantizedWeights<A extends string = string> extends Holder implements AnyQuantizedWeights {
  /** Keeps weights of other axes apart, as `Tensor`'s does; never present at run time. */
  declare readonly axisNames: (axis: A) => A
  readonly format: PackedFormat
  readonly shape: Shape<A>
  readonly over: readonly A[]
  readonly operations: QuantizedOperations

  /** Takes over one reference to `storage`. */
  constructor(
    storage: Storage,
    format: PackedFormat,
    shape: Shape<A>,
    over: readonly A[],
    operations: QuantizedOperations,
  ) {
    super(storage)
    this.format = format
    this.shape = shape
    this.over = over
    this.operations = operations
  }

  get device(): Device {
    return this.storage.device
  }
  get axes(): readonly A[] {
    return Object.keys(this.shape) as A[]
  }
  get columnAxes(): readonly A[] {
    return this.axes.filter((name) => !this.over.includes(name))
  }
  get bytes(): number {
    return this.storage.bytes
  }

  get address(): number {
    if (this.freed) {
      throw new StateError({
        operation: 'quantized weights',
        expected: 'weights in use',
        found: `freed ones (${this.describe()})`,
        hint: 'return them from scope(), or do not dispose them while they are needed',
      })
    }
    return this.storage.address
  }

  get packed(): PackedWeights {
    const { machine } = this.device.target
    const sizes = (names: readonly A[]): number => names.reduce((count, name) => count * this.shape[name], 1)
    const [columns, depth] = [sizes(this.columnAxes), sizes(this.over)]
    return { machine, format: this.format, address: this.address, columns, depth }
  }

  /** `int8 width 768, head 12, headWidth 64, summed over width` */
  describe(): string {
    const sizes = this.axes.map((name) => `${name} ${this.shape[name]}`)
    return `${this.format} ${sizes.join(', ')}, summed over ${this.over.join(', ')}`
  }
  override toString(): string {
    return `QuantizedWeights(${this.describe()}${this.freed ? ', freed' : ''})`
  }
}
