import { bytesOf, DtypeError, StateError, type Dtype, inWords, UsageError } from '../base/index.js'
import type { Device } from '../device/index.js'

/** Bytes that one element takes in a device's heap: f32 takes 8 where the device computes in f64. */
export function storedBytes(device: Device, dtype: Dtype): number {
  return dtype === 'f32' ? device.floatBytes : bytesOf[dtype]
}

/** A copy of (part of) a block in another order; no address where it was asked for once. */
interface Packed {
  readonly bytes: number
  address: number | undefined
}

/** A block of a device's heap, shared by a tensor and its views; freed when the last of them is. */
export class Storage {
  readonly device: Device
  readonly dtype: Dtype
  readonly elements: number
  readonly address: number
  /** Set where the elements change after they were written: nothing is kept of them then. */
  changing = false
  /** Set as long as what writes it waits for the end of `together`. */
  waiting = false
  #references = 1
  #packed: Map<string, Packed> | undefined

  constructor(device: Device, dtype: Dtype, elements: number) {
    if (dtype === 'f64' || typeof bytesOf[dtype] !== 'number') {
      throw new DtypeError({
        operation: 'tensor',
        expected: 'a dtype that tensors store',
        found: dtype === 'f64' ? dtype : inWords(dtype),
        hint: "'f32', which computes in f64 on the interpreter, 'f16', 'bf16', 'i32', 'u8' or 'i8'",
      })
    }
    if ((device as Device | null | undefined)?.heap === undefined)
      throw new UsageError({
        operation: 'tensor',
        expected: 'a device',
        found: inWords(device),
        hint: 'leave it out for the current one, or make one: new Device(target)',
      })
    this.device = device
    this.dtype = dtype
    this.elements = elements
    this.address = device.heap.allocate(elements * storedBytes(device, dtype))
    live.add(this)
  }

  /**
   * The address of a copy in the order that `key` names, `bytes` long, which `write` makes. It is made at the
   * second asking, since weights are asked for again and other operands are not, and lives as long as the
   * block.
   */
  packed(key: string, bytes: number, write: (address: number) => void): number | undefined {
    if (this.changing) return undefined
    this.#packed ??= new Map()
    const known = this.#packed.get(key)
    if (known === undefined) {
      this.#packed.set(key, { bytes, address: undefined })
      return undefined
    }
    if (known.address === undefined) {
      const address = this.device.heap.allocate(bytes)
      try {
        write(address)
      } catch (error) {
        this.device.heap.free(address)
        throw error
      }
      known.address = address
    }
    return known.address
  }
  /** Forgets the copies: the elements are about to change. */
  unpack(): void {
    for (const { address } of this.#packed?.values() ?? [])
      if (address !== undefined) this.device.heap.free(address)
    this.#packed = undefined
  }
  /** Bytes of the block and of the copies. */
  get bytes(): number {
    let bytes = this.elements * storedBytes(this.device, this.dtype)
    for (const { address, bytes: more } of this.#packed?.values() ?? [])
      if (address !== undefined) bytes += more
    return bytes
  }

  /** Whether more than one tensor reads it. */
  get shared(): boolean {
    return this.#references > 1
  }

  retain(): this {
    if (this.#references === 0)
      throw new StateError({
        operation: 'view',
        expected: 'a tensor in use',
        found: 'a freed one',
        hint: 'keep it out of scope() or dispose() until it is no longer needed',
      })
    this.#references++
    return this
  }

  release(): void {
    if (this.#references === 0) return
    if (--this.#references === 0) {
      this.unpack()
      this.device.heap.free(this.address)
      live.delete(this)
    }
  }
}

const live = new Set<Storage>()

/** What tensors hold at the moment. */
export interface MemoryUse {
  readonly tensors: number
  readonly bytes: number
  /** The largest blocks first: dtype and elements, and how many such blocks. */
  readonly blocks: readonly {
    readonly dtype: Dtype
    readonly elements: number
    readonly count: number
    readonly bytes: number
  }[]
}

/**
 * The blocks that tensors hold now. Called before and after a piece of work, it shows what the work left
 * behind: tensors made outside any `scope` and neither disposed nor collected yet.
 */
export function memoryUse(): MemoryUse {
  const groups = new Map<string, { dtype: Dtype; elements: number; count: number; bytes: number }>()
  let bytes = 0
  for (const { bytes: size, dtype, elements } of live) {
    bytes += size
    const name = `${dtype} ${elements}`
    const group = groups.get(name) ?? { dtype, elements, count: 0, bytes: 0 }
    group.count++
    group.bytes += size
    groups.set(name, group)
  }
  return { tensors: live.size, bytes, blocks: [...groups.values()].sort((a, b) => b.bytes - a.bytes) }
}
