import { type LinearMemory, MemoryError, UsageError } from '../base/index.js'
import { openWasmMemory } from '../targets/index.js'
import { Blocks } from './blocks.js'

const pageBytes = 65536
/**
 * Addresses below this are never handed out: 0 is no address, and the device keeps its control words here.
 */
export const reservedBytes = 4096
/** Kernels may read (never write) this far past the end of a tensor; the heap's end keeps as much free. */
export const guardBytes = 256
/** The least growth at a time: fresh pages are cheaper by the batch. */
const growthBytes = 16 * 1024 * 1024
/** Addresses have 32 bits. */
const mostBytes = 2 ** 32

/** How a heap is made. */
export interface HeapOptions {
  /**
   * Largest size in bytes, from 64 KiB to 4 GiB, which is the default. Rounded down to whole pages of 64 KiB.
   */
  readonly maximumBytes?: number
  /** True where threads are to see it. */
  readonly shared?: boolean
  /** For tests of what lies high: the first address that is handed out. */
  readonly firstAddress?: number
}

/** What the heap holds at the moment, in bytes; `blocks` is the number of blocks handed out and not freed. */
export interface HeapUse {
  readonly used: number
  readonly blocks: number
  readonly reserved: number
  readonly peak: number
}

/**
 * Memory for tensors: one linear memory that every target and thread sees. Blocks are aligned to 64 bytes,
 * and freed ones are reused, in one piece, in parts, or joined (see `Blocks`). It grows as it is needed, up
 * to `maximumBytes`, and never shrinks.
 */
export class Heap {
  readonly memory: LinearMemory
  readonly maximumBytes: number
  readonly #blocks: Blocks
  /** Where blocks must end in the memory that there is. */
  #limit: number
  /** Whether the system has refused to let the memory grow. */
  #refused = false
  #f32: Float32Array | undefined
  #f64: Float64Array | undefined
  #i32: Int32Array | undefined
  #u16: Uint16Array | undefined
  #u8: Uint8Array | undefined

  /**
   * `openInstead` gives what serves where the system has no WebAssembly memory: addresses are limited, and
   * the target needs none.
   *
   * @throws UsageError for a `maximumBytes` that is no whole number from 64 KiB to 4 GiB
   * @throws MemoryError where the system gives no memory at all
   */
  constructor(options: HeapOptions = {}, openInstead?: (pages: number) => LinearMemory) {
    const { maximumBytes = mostBytes, firstAddress = reservedBytes } = options
    if (!Number.isInteger(maximumBytes) || maximumBytes < pageBytes || maximumBytes > mostBytes)
      throw new UsageError({
        operation: 'heap',
        expected: `maximumBytes to be a whole number from ${pageBytes} (64 KiB) to ${mostBytes} (4 GiB)`,
        found: String(maximumBytes),
        hint: 'leave it out to let the heap grow to 4 GiB',
      })
    this.#blocks = new Blocks(firstAddress)
    const pages = Math.floor(maximumBytes / pageBytes)
    const { shared = false } = options
    try {
      this.memory = openWasmMemory({ initial: Math.min(16, pages), maximum: pages, shared })
      this.maximumBytes = pages * pageBytes
    } catch (error) {
      if (openInstead === undefined) throw error
      this.memory = openInstead(pages)
      this.maximumBytes = this.memory.buffer.byteLength
    }
    this.#limit = this.memory.buffer.byteLength - guardBytes
  }

  /**
   * The address of at least `bytes` bytes (0 counts as 1), aligned to 64, contents unspecified.
   *
   * @throws MemoryError where there is no room
   */
  allocate(bytes: number): number {
    if (!(bytes >= 0))
      throw new MemoryError({
        operation: 'allocate',
        expected: 'a number of bytes',
        found: String(bytes),
        hint: 'check the sizes',
      })
    const address = this.#blocks.allocate(bytes, this.#limit)
    if (address !== undefined) return address
    if (!this.#grow(this.#blocks.top + Math.max(1, bytes))) throw this.#full(bytes)
    return this.#blocks.allocate(bytes, this.#limit)!
  }

  /** @throws MemoryError unless a block in use begins there */
  free(address: number): void {
    if (this.#blocks.free(address)) return
    throw new MemoryError({
      operation: 'free',
      expected: 'the address of a block in use',
      found: `0x${address.toString(16)}`,
      hint: 'a block is freed once',
    })
  }

  use(): HeapUse {
    const { used, count, peak } = this.#blocks
    return { used, blocks: count, reserved: this.memory.buffer.byteLength, peak }
  }

  /** Forgets the peak so far. */
  resetPeak(): void {
    this.#blocks.resetPeak()
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

  /** Grows the memory until blocks can lie up to `end`. */
  #grow(end: number): boolean {
    const present = this.memory.buffer.byteLength
    const least = Math.ceil((end + guardBytes) / pageBytes) * pageBytes
    if (least > this.maximumBytes) return false
    for (const wanted of [Math.min(Math.max(least, present + growthBytes), this.maximumBytes), least]) {
      try {
        this.memory.grow((wanted - present) / pageBytes)
        this.#limit = wanted - guardBytes
        return true
      } catch {
        // Less may still be there.
      }
    }
    this.#refused = true
    return false
  }

  #full(wanted: number): MemoryError {
    const { used, count } = this.#blocks
    const largest = this.#blocks.largest(this.#refused ? this.#limit : this.maximumBytes - guardBytes)
    return new MemoryError({
      operation: 'allocate',
      expected: `${wanted} bytes of the heap's ${this.maximumBytes}`,
      found: `${used} in use in ${count} blocks, at most ${largest} free in one piece${this.#refused ? '; the system gives no more' : ''}`,
      hint: 'free tensors (scope, dispose; memoryUse() lists what is held), or use smaller batches or checkpoint()',
    })
  }
}
