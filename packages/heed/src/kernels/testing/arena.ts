import type { LinearMemory } from '../../base/index.js'
import { GuardedHeap } from '../../device/index.js'
import { nativeCode } from '../../targets/index.js'
import { assemble, type Kernel, type Launch, type Machine, type Program } from '../index.js'

/** A target, as far as tests of kernels need one. */
export interface KernelTarget {
  readonly machine: Machine
  emit(program: Program): Uint8Array
  load(
    code: Uint8Array,
    memory: LinearMemory,
  ): (parameters: number, begin: number, end: number, scratch: number) => void
}

const parameterAddress = 1024
const firstAddress = 8192
const guard = 64

/** What a guarded heap may take of addresses: each block has pages of its own, and few are ever touched. */
const guardedBytes = 2 ** 30

/**
 * A bare heap, and launches run on it one after the other: what kernels need to be tested. Where the system
 * allows it each block lies between pages that end the process when they are touched.
 */
export class Arena {
  readonly target: KernelTarget
  readonly memory: LinearMemory
  /** Bytes of workspace that attention may take; default its own. */
  limit: number | undefined
  /** Tasks run in pieces of this many, the last piece first: results must not depend on it. */
  grain = Infinity
  readonly #compiled = new Map<string, ReturnType<KernelTarget['load']>>()
  readonly #guarded: GuardedHeap | undefined
  readonly #blocks: number[] = []
  #next = firstAddress
  readonly #size: number

  constructor(target: KernelTarget, bytes = 1 << 26, shared = true) {
    this.target = target
    if (shared && typeof nativeCode() !== 'string') {
      this.#size = guardedBytes
      this.#guarded = new GuardedHeap({ maximumBytes: guardedBytes })
      this.memory = this.#guarded.memory
      return
    }
    const pages = Math.ceil(bytes / 65536)
    this.#size = pages * 65536 - guard
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
  }

  get floatBytes(): number {
    return this.target.machine.floatBytes
  }

  /** Forgets what was allocated; kernels stay compiled. */
  reset(): void {
    for (const address of this.#blocks.splice(0)) this.#guarded!.free(address)
    this.#next = firstAddress
  }

  allocate(bytes: number): number {
    if (this.#guarded !== undefined) {
      const address = this.#guarded.allocate(bytes)
      this.#blocks.push(address)
      return address
    }
    const address = this.#next
    this.#next = Math.ceil((address + bytes + guard) / 64) * 64
    if (this.#next > this.#size) throw new Error(`the test's heap of ${this.#size} bytes is too small`)
    // What memory held before must not matter.
    new Uint8Array(this.memory.buffer, address, this.#next - address).fill(0xff)
    return address
  }

  floats(values: ArrayLike<number>): number {
    const address = this.allocate(values.length * this.floatBytes)
    this.view(address, values.length).set(values)
    return address
  }

  integers(values: ArrayLike<number>): number {
    const address = this.allocate(values.length * 4)
    new Int32Array(this.memory.buffer, address, values.length).set(values)
    return address
  }

  view(address: number, length: number): Float32Array | Float64Array {
    return this.floatBytes === 8
      ? new Float64Array(this.memory.buffer, address, length)
      : new Float32Array(this.memory.buffer, address, length)
  }

  read(address: number, length: number): number[] {
    return Array.from(this.view(address, length))
  }
  readIntegers(address: number, length: number): number[] {
    return Array.from(new Int32Array(this.memory.buffer, address, length))
  }

  run(launches: readonly Launch[]): void {
    for (const { kernel, parameters, tasks, scratchBytes = 0 } of launches) {
      const types = Object.values(kernel.parameters)
      if (types.length !== parameters.length)
        throw new Error(`${kernel.name}: ${types.length} parameters declared, ${parameters.length} given`)
      parameters.forEach((value, i) => {
        if (types[i] === 'f32') this.view(parameterAddress + 8 * i, 1)[0] = value
        else new Int32Array(this.memory.buffer, parameterAddress + 8 * i, 1)[0] = value
      })
      const scratch = this.allocate(scratchBytes)
      const run = this.compile(kernel)
      const step = Math.min(this.grain, Math.max(1, tasks))
      for (let end = tasks; end > 0; end -= step) run(parameterAddress, Math.max(0, end - step), end, scratch)
    }
  }

  compile(kernel: Kernel): ReturnType<KernelTarget['load']> {
    let run = this.#compiled.get(kernel.name)
    if (run === undefined) {
      run = this.target.load(this.target.emit(assemble(kernel, this.target.machine)), this.memory)
      this.#compiled.set(kernel.name, run)
    }
    return run
  }
}
