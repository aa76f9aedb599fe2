import { type LinearMemory, MemoryError } from '../base/index.js'

const pageBytes = 65536
/** Addresses below this are never handed out: 0 is no address, and the device keeps its control words here. */
export const reservedBytes = 4096
/** Kernels may read (never write) this far past the end of a tensor; the heap's end keeps as much free. */
export const guardBytes = 256
/** The least growth at a time: fresh pages are cheaper by the batch. */
const growthBytes = 16 * 1024 * 1024

export interface HeapOptions {
  /** Largest size in bytes; at most 4 GiB. */
  readonly maximumBytes?: number
  /** True where threads are to see it. */
  readonly shared?: boolean
}

/** What the heap holds at the moment, in bytes; `blocks` is the number of blocks handed out and not freed. */
export interface HeapUse {
  readonly used: number
  readonly blocks: number
  readonly reserved: number
  readonly peak: number
}

/**
 * Memory for tensors: one linear memory that every target and thread sees. Blocks come in size classes (four to each
 * power of two, so at most a quarter is lost), are aligned to 64 bytes, and are reused as they are: a fresh page costs
 * some 5 µs to touch, a used one nothing.
 */
export class Heap {
  readonly memory: LinearMemory
  readonly maximumBytes: number
  readonly #free = new Map<number, number[]>()
  readonly #sizes = new Map<number, number>()
  #top = reservedBytes
  #used = 0
  #peak = 0
  #f32: Float32Array | undefined
  #f64: Float64Array | undefined
  #i32: Int32Array | undefined
  #u16: Uint16Array | undefined
  #u8: Uint8Array | undefined

  constructor(options: HeapOptions = {}) {
    this.maximumBytes = Math.floor(Math.min(options.maximumBytes ?? 2 ** 32, 2 ** 32) / pageBytes) * pageBytes
    this.memory = new WebAssembly.Memory({
      initial: 16,
      maximum: this.maximumBytes / pageBytes,
      ...(options.shared && { shared: true }),
    })
  }

  /** The address of at least `bytes` bytes (0 counts as 1), aligned to 64, contents unspecified. */
  allocate(bytes: number): number {
    const size = classSize(bytes)
    const free = this.#free.get(size)
    const address = free?.pop() ?? this.#extend(size, bytes)
    this.#sizes.set(address, size)
    this.#used += size
    if (this.#used > this.#peak) this.#peak = this.#used
    return address
  }

  free(address: number): void {
    const size = this.#sizes.get(address)
    if (size === undefined) {
      throw new MemoryError({
        operation: 'free',
        expected: 'the address of a block in use',
        found: `0x${address.toString(16)}`,
        hint: 'a block is freed once',
      })
    }
    this.#sizes.delete(address)
    this.#used -= size
    const list = this.#free.get(size)
    if (list) list.push(address)
    else this.#free.set(size, [address])
  }

  use(): HeapUse {
    return {
      used: this.#used,
      blocks: this.#sizes.size,
      reserved: this.memory.buffer.byteLength,
      peak: this.#peak,
    }
  }

  /** Forgets the peak so far. */
  resetPeak(): void {
    this.#peak = this.#used
  }

  // Views over the whole memory; asked for again after each growth, since a grown memory has a new buffer.
  get f32(): Float32Array {
    return this.#f32?.buffer === this.memory.buffer
      ? this.#f32
      : (this.#f32 = new Float32Array(this.memory.buffer))
  }
  get f64(): Float64Array {
    return this.#f64?.buffer === this.memory.buffer
      ? this.#f64
      : (this.#f64 = new Float64Array(this.memory.buffer))
  }
  get i32(): Int32Array {
    return this.#i32?.buffer === this.memory.buffer
      ? this.#i32
      : (this.#i32 = new Int32Array(this.memory.buffer))
  }
  get u16(): Uint16Array {
    return this.#u16?.buffer === this.memory.buffer
      ? this.#u16
      : (this.#u16 = new Uint16Array(this.memory.buffer))
  }
  get u8(): Uint8Array {
    return this.#u8?.buffer === this.memory.buffer
      ? this.#u8
      : (this.#u8 = new Uint8Array(this.memory.buffer))
  }

  #extend(size: number, wanted: number): number {
    const address = this.#top
    const end = address + size + guardBytes
    const present = this.memory.buffer.byteLength
    if (end > present) {
      const grown = Math.min(Math.max(end, present + growthBytes), this.maximumBytes)
      if (end > this.maximumBytes || !this.#grow(grown - present)) {
        throw new MemoryError({
          operation: 'allocate',
          expected: `${wanted} bytes of the heap's ${this.maximumBytes}`,
          found: `${this.#used} in use in ${this.#sizes.size} blocks, ${present} reserved`,
          hint: 'free tensors (scope, dispose; leaks() lists what is held), or use smaller batches or checkpoint()',
        })
      }
    }
    this.#top = address + size
    return address
  }

  #grow(bytes: number): boolean {
    try {
      this.memory.grow(Math.ceil(bytes / pageBytes))
      return true
    } catch {
      return false
    }
  }
}

/** The least size class that holds `bytes`: 64 … 256 in steps of 64, then four classes to each power of two. */
export function classSize(bytes: number): number {
  if (!(bytes >= 0))
    throw new MemoryError({
      operation: 'allocate',
      expected: 'a number of bytes',
      found: String(bytes),
      hint: 'check the sizes',
    })
  if (bytes <= 256) return Math.max(64, Math.ceil(bytes / 64) * 64)
  const step = 2 ** Math.max(6, Math.floor(Math.log2(bytes - 1)) - 2)
  return Math.ceil(bytes / step) * step
}
