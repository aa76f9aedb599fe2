import { MemoryError } from '../base/index.js'
import { type Native, nativeCode } from '../targets/index.js'
import { guardBytes, Heap, type HeapOptions, type HeapUse, reservedBytes } from './heap.js'

/** The processor's pages. */
const pageBytes = 4096
const alignment = 64
/** What fills memory that nobody has written: NaN in every float format, −1 in integers. */
const unwritten = 0xff

interface Guarded {
  /** Where its pages begin. */
  readonly start: number
  readonly end: number
  readonly bytes: number
}

/**
 * A heap that finds stray accesses, for tests. Each block lies between pages that must not be touched, and so
 * do the pages of a freed block. A kernel that touches one ends the process. Behind a block there is only
 * what kernels may read past its end. What they wrote beside a block shows when it is freed. Fresh memory
 * holds NaN.
 */
export class GuardedHeap extends Heap {
  readonly #native: Native
  readonly #blocks = new Map<number, Guarded>()
  /** Freed pages by their size, the oldest first: they are handed out again as late as can be. */
  readonly #freed = new Map<number, number[]>()
  #top = reservedBytes + pageBytes
  #used = 0
  #peak = 0

  /** @throws {MemoryError} where this system runs no machine code, which guarding needs */
  constructor(options: HeapOptions = {}) {
    super({ ...options, shared: true })
    const native = nativeCode()
    if (typeof native === 'string') {
      throw new MemoryError({
        operation: 'guarded heap',
        expected: 'a system that runs machine code',
        found: native,
        hint: 'use a heap without guards',
      })
    }
    this.#native = native
    // All at once: growth would lift the guards.
    this.memory.grow((this.maximumBytes - this.memory.buffer.byteLength) / 65536)
    native.permit(this.memory, reservedBytes, this.maximumBytes - reservedBytes, false)
  }

  override allocate(bytes: number): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment)
    const whole = Math.ceil((size + guardBytes) / pageBytes) * pageBytes
    const start = this.#freed.get(whole)?.shift() ?? this.#extend(whole, bytes)
    const end = start + whole
    this.#native.permit(this.memory, start, whole, true)
    this.u8.fill(unwritten, start, end)
    const address = end - guardBytes - size
    this.#blocks.set(address, { start, end, bytes })
    this.#used += size
    this.#peak = Math.max(this.#peak, this.#used)
    return address
  }

  /** @throws {MemoryError} where something was written beside the block */
  override free(address: number): void {
    const block = this.#blocks.get(address)
    if (block === undefined) throw wrong('free', 'the address of a block in use', `0x${address.toString(16)}`)
    const { start, end, bytes } = block
    const beside = (from: number, to: number): boolean =>
      this.u8.subarray(from, to).some((value) => value !== unwritten)
    const found = beside(start, address) ? 'before' : beside(address + bytes, end) ? 'behind' : undefined
    this.#native.permit(this.memory, start, end - start, false)
    this.#blocks.delete(address)
    this.#used -= end - guardBytes - address
    const freed = this.#freed.get(end - start)
    if (freed === undefined) this.#freed.set(end - start, [start])
    else freed.push(start)
    if (found !== undefined)
      throw wrong('guarded heap', `${bytes} bytes to be written`, `bytes written ${found} them`)
  }

  override use(): HeapUse {
    return { used: this.#used, blocks: this.#blocks.size, reserved: this.#top, peak: this.#peak }
  }

  override resetPeak(): void {
    this.#peak = this.#used
  }

  #extend(whole: number, wanted: number): number {
    const start = this.#top
    if (!(start + whole + pageBytes <= this.maximumBytes))
      throw wrong('allocate', `${wanted} bytes of the heap's ${this.maximumBytes}`, `${this.#used} in use`)
    this.#top = start + whole + pageBytes
    return start
  }
}

function wrong(operation: string, expected: string, found: string): MemoryError {
  return new MemoryError({ operation, expected, found, hint: 'run it on the interpreter, which says where' })
}
