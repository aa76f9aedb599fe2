import { addressesLeft, UsageError } from '../base/index.js'
import type { Kernel, Launch } from '../kernels/index.js'
import type { Target } from '../targets/index.js'
import { type Compiled, CompiledKernels, shownName } from './compiled-kernels.js'
import { Heap, type HeapOptions } from './heap.js'
import { mostParts, Part, ThreadPool } from './pool.js'

/**
 * Where the parameters of the running launches lie, 8 bytes each; a launch of more than fit there has a block
 * of its own.
 */
const parameterAddress = 1024
const parameterEnd = parameterAddress + 8 * 300

const mostThreads = 256
/** Addresses that a thread of Node takes, generously: where there are too few, the process ends. */
const threadBytes = 2 ** 30

/** How a device is made: the size of its heap, its threads. */
export interface DeviceOptions extends HeapOptions {
  /** Threads that compute, this one included. Needs a shared heap; results don't depend on it. */
  readonly threads?: number
  /** For tests: one that is there already, as `GuardedHeap` is. */
  readonly heap?: Heap
}

/** One launch, or several that ran together, as a profile sees it. */
export interface LaunchEvent {
  /** The kernel's name; of several launches all of them, a `+` between. */
  readonly kernel: string
  readonly tasks: number
  readonly milliseconds: number
}

/**
 * A target together with a heap and threads: the place where tensors live and kernels run.
 * Everything is synchronous: when `launch` returns, the work is done.
 */
export class Device {
  readonly target: Target
  readonly heap: Heap
  readonly threads: number
  readonly #pool: ThreadPool | undefined
  readonly #kernels: CompiledKernels
  /** Told of each launch, while set. */
  profile: ((event: LaunchEvent) => void) | undefined
  #scratch = 0
  #scratchBytes = 0
  /** What runs next: `#count` of these, filled in anew for each run, with so many tasks in all. */
  readonly #parts: Part[] = []
  #count = 0
  #tasks = 0
  #nextParameter = parameterAddress

  /**
   * @throws UsageError for `threads` or `maximumBytes` that are no whole numbers in their range
   * @throws MemoryError where the system gives no memory
   */
  constructor(target: Target, options: DeviceOptions = {}) {
    this.target = target
    const { threads = 1 } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads)
      throw new UsageError({
        operation: 'device',
        expected: `threads to be a whole number from 1 to ${mostThreads}`,
        found: String(threads),
        hint: 'availableThreads() says how many there are',
      })
    // Machine code holds the heap's address: only a shared memory is sure to stay where it is when it grows.
    const shared = options.shared === true || target.koffi !== undefined
    this.heap = options.heap ?? new Heap({ ...options, shared }, target.openInstead)
    const most = 1 + Math.max(0, Math.floor(addressesLeft() / threadBytes))
    this.threads = options.shared ? Math.min(threads, most) : 1
    if (options.heap === undefined) target.adopt?.(this.heap.memory, this.heap.maximumBytes)
    this.#kernels = new CompiledKernels(target, this.heap, this.threads > 1)
    this.#pool = this.threads > 1 ? new ThreadPool(this.heap, this.threads, target.koffi) : undefined
  }

  get name(): string {
    return this.target.machine.name
  }

  /** Bytes that one f32 element takes in this heap. */
  get floatBytes(): 4 | 8 {
    return this.target.machine.floatBytes
  }

  /**
   * Runs tasks 0 … tasks − 1 of a kernel. `parameters` in the order of the kernel's declaration: numbers, and
   * byte addresses for pointers. Each thread gets `scratchBytes` of scratch memory.
   *
   * @throws UsageError for too many or too few parameters
   * @throws TargetError where the target refuses the kernel, or it failed on another thread
   */
  launch(kernel: Kernel, parameters: readonly number[], tasks: number, scratchBytes = 0): void {
    const start = this.#begin()
    this.#add(kernel, parameters, tasks, scratchBytes)
    this.#run()
    this.profile?.({ kernel: kernel.name, tasks, milliseconds: performance.now() - start })
  }

  /**
   * Runs launches of which none needs what another writes, as one: no thread waits between them. `launchAt`
   * is asked for each in turn, and what it gave is read before it is asked again. Throws as `launch` does.
   */
  launchTogether(count: number, launchAt: (index: number) => Launch): void {
    const start = this.#begin()
    const names: string[] | undefined = this.profile && []
    let all = 0
    for (let i = 0; i < count; i++) {
      const { kernel, parameters, tasks, scratchBytes = 0 } = launchAt(i)
      this.#add(kernel, parameters, tasks, scratchBytes)
      names?.push(kernel.name)
      all += tasks
    }
    this.#run()
    if (names !== undefined)
      this.profile?.({ kernel: names.join(' + '), tasks: all, milliseconds: performance.now() - start })
  }

  /** Forgets what a launch that failed left, and gives the time, where somebody wants it. */
  #begin(): number {
    this.#count = 0
    this.#tasks = 0
    this.#nextParameter = parameterAddress
    return this.profile === undefined ? 0 : performance.now()
  }

  #add(kernel: Kernel, parameters: readonly number[], tasks: number, scratchBytes: number): void {
    const compiled = this.#kernels.find(kernel)
    const { floats } = compiled
    if (parameters.length !== floats.length) {
      throw new UsageError({
        operation: `kernel ${shownName(kernel)}`,
        expected: `${floats.length} parameters`,
        found: String(parameters.length),
        hint: 'pass them in the order of its declaration',
      })
    }
    if (tasks <= 0) return
    if (8 * floats.length > parameterEnd - parameterAddress) {
      this.#runAlone(compiled, parameters, tasks, scratchBytes)
      return
    }
    // Where there is no room for more, the others run after these.
    if (this.#count === mostParts || this.#nextParameter + 8 * floats.length > parameterEnd) this.#run()
    this.#addPart(compiled, parameters, tasks, scratchBytes)
  }

  /** A launch whose parameters don't fit where those of others lie. */
  #runAlone(compiled: Compiled, parameters: readonly number[], tasks: number, scratchBytes: number): void {
    this.#run()
    const block = this.heap.allocate(8 * parameters.length)
    try {
      this.#nextParameter = block
      this.#addPart(compiled, parameters, tasks, scratchBytes)
      this.#run()
    } finally {
      this.heap.free(block)
    }
  }

  #addPart(compiled: Compiled, parameters: readonly number[], tasks: number, scratchBytes: number): void {
    if (scratchBytes > this.#scratchBytes) this.#reserveScratch(scratchBytes)
    const part = (this.#parts[this.#count++] ??= new Part())
    part.compiled = compiled
    part.parameters = this.#nextParameter
    part.tasks = tasks
    this.#tasks += tasks
    this.#writeParameters(compiled.floats, parameters)
  }

  #run(): void {
    const count = this.#count
    const tasks = this.#tasks
    this.#begin()
    if (tasks > 1 && this.#pool !== undefined) {
      const grain = Math.max(1, Math.floor(tasks / (this.threads * 32)))
      this.#pool.run(this.#parts, count, grain, this.#scratch, this.#scratchBytes)
      return
    }
    for (let i = 0; i < count; i++) {
      const { compiled, parameters, tasks: own } = this.#parts[i]!
      compiled.run(parameters, 0, own, this.#scratch)
    }
  }

  #writeParameters(floats: readonly boolean[], parameters: readonly number[]): void {
    const { heap } = this
    const integers = heap.i32
    for (let i = 0; i < floats.length; i++, this.#nextParameter += 8) {
      const at = this.#nextParameter
      if (!floats[i]) integers[at >> 2] = parameters[i]!
      else if (this.floatBytes === 8) heap.f64[at >> 3] = parameters[i]!
      else heap.f32[at >> 2] = parameters[i]!
    }
  }

  /** Ends the threads; the device is of no use afterwards. */
  close(): void {
    this.#pool?.terminate()
  }

  /** Scratch for every thread, kept from launch to launch. */
  #reserveScratch(bytes: number): void {
    if (this.#scratch !== 0) this.heap.free(this.#scratch)
    ;[this.#scratch, this.#scratchBytes] = [0, 0] // as long as there is no room for more
    const each = Math.ceil(bytes / 64) * 64
    this.#scratch = this.heap.allocate(each * this.threads)
    this.#scratchBytes = each
  }
}
