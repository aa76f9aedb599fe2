import { UsageError } from '../base/index.js'
import { assemble, type Kernel } from '../kernels/index.js'
import type { Run, Target } from '../targets/index.js'
import type { Heap } from './heap.js'

/** A kernel, ready to run. */
export interface Compiled {
  /** Where threads keep it, and which of all that were kept there it is. */
  readonly slot: number
  readonly version: number
  run: Run
  /** Where its code lies in the heap for other threads; 0 where there are none. */
  readonly codeAddress: number
  readonly codeBytes: number
  /** For each parameter, whether it is a float. */
  readonly floats: readonly boolean[]
  readonly code: Uint8Array
  lastUsed: number
  dropped: boolean
}

/**
 * So many kernels of a device are kept. A program of usual size has some hundred; each number that is written
 * into a mask makes another one.
 */
export const mostKernels = 512
/** Where there are more, these go, the least recently used ones. */
const leaving = mostKernels / 4
/** No kernel has more parameters: beyond, compiling one takes seconds. */
const mostParameters = 8192

/**
 * The kernels of a device as they were compiled, the last `mostKernels` of them. What a dropped one took is
 * given back.
 */
export class CompiledKernels {
  readonly #target: Target
  readonly #heap: Heap
  readonly #threads: boolean
  readonly #byName = new Map<string, Compiled>()
  readonly #byKernel = new WeakMap<Kernel, Compiled>()
  readonly #slots: number[] = []
  #versions = 0
  #clock = 0

  /** `threads`: whether other threads are to load the code from the heap. */
  constructor(target: Target, heap: Heap, threads: boolean) {
    this.#target = target
    this.#heap = heap
    this.#threads = threads
  }

  get count(): number {
    return this.#byName.size
  }

  /** Must not be called while kernels run. What it gave for the last few kernels stays. */
  find(kernel: Kernel): Compiled {
    let found = this.#byKernel.get(kernel)
    if (found === undefined || found.dropped) {
      found = this.#byName.get(kernel.name) ?? this.#compile(kernel)
      this.#byKernel.set(kernel, found)
    }
    found.lastUsed = ++this.#clock
    return found
  }

  #compile(kernel: Kernel): Compiled {
    const types = Object.values(kernel.parameters)
    if (types.length > mostParameters)
      throw new UsageError({
        operation: `kernel ${shownName(kernel)}`,
        expected: `at most ${mostParameters} parameters, of which a tensor takes one or two, and two for each axis`,
        found: String(types.length),
        hint: 'give it fewer tensors at a time, or join them first: concat(), stack()',
      })
    if (this.#byName.size >= mostKernels) this.#dropOldest()
    const target = this.#target
    const { lasting = false } = kernel
    const code =
      (lasting ? target.kept?.(kernel.name) : undefined) ??
      target.emit(assemble(kernel, target.machine), lasting)
    let codeAddress = 0
    try {
      const run = target.load(code, this.#heap.memory)
      if (this.#threads) {
        codeAddress = this.#heap.allocate(code.length)
        this.#heap.u8.set(code, codeAddress)
      }
      const compiled: Compiled = {
        slot: this.#slots.pop() ?? this.#byName.size,
        version: ++this.#versions,
        run,
        codeAddress,
        codeBytes: code.length,
        floats: types.map((type) => type === 'f32'),
        code,
        lastUsed: 0,
        dropped: false,
      }
      this.#byName.set(kernel.name, compiled)
      return compiled
    } catch (error) {
      target.release?.(code)
      throw error
    }
  }

  #dropOldest(): void {
    const oldest = [...this.#byName].sort(([, a], [, b]) => a.lastUsed - b.lastUsed).slice(0, leaving)
    for (const [name, compiled] of oldest) {
      this.#byName.delete(name)
      compiled.dropped = true
      compiled.run = gone
      this.#slots.push(compiled.slot)
      if (compiled.codeAddress !== 0) this.#heap.free(compiled.codeAddress)
      this.#target.release?.(compiled.code)
    }
  }
}

function gone(): never {
  throw new Error('a kernel that was dropped runs')
}

/** A kernel's name for a message: names of kernels say all that they compute. */
export function shownName({ name }: Kernel): string {
  return name.length <= 100 ? name : `${name.slice(0, 99)}…`
}
