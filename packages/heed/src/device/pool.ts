import { atExit, type LinearMemory, startThread, TargetError, type Thread } from '../base/index.js'
import type { Heap } from './heap.js'
import type { Compiled } from './compiled-kernels.js'
import { workerSource } from './worker-source.js'

/** Where the control words lie in the heap (index into its Int32Array), each on a cache line of its own. */
const state = 64
const epoch = 80
const sleeping = 96
const next = 112
const failed = 128
/** Tasks, grain, scratch memory and its bytes for each thread; then the parts, `partWords` words each. */
const job = 176
const partWords = 6
/** Launches that run as one. */
export const mostParts = 8
/**
 * Threads that are loading a native library; less `closed`, which is more than there are, nobody may begin
 * to.
 */
const loading = 160
const closed = 1 << 20
/** Where the first thread that failed says why: bytes, text in ASCII, zeros behind it. */
const [reason, reasonBytes] = [3584, 512]
/** The bit of `state` that says that threads may join; the bits below count those inside. */
const open = 1 << 30
/**
 * Looks at a word before a thread goes to sleep: some half a millisecond. To wake one takes as long as many a
 * launch, and a launch whose other threads sleep is computed by one.
 */
const spins = 200_000

/** One of the launches that run together; filled in anew by each. */
export class Part {
  declare compiled: Compiled
  /** Byte address of its parameters. */
  parameters = 0
  tasks = 0
}

/**
 * Threads that share the heap and take tasks from a common counter. A launch opens a gate, the calling thread
 * works along, closes the gate and waits for those inside: a thread that was asleep is not waited for. Tasks
 * are independent, so which thread runs which one changes nothing in the results. Threads are started at the
 * first launch that wants them and keep no process alive.
 */
export class ThreadPool {
  readonly #heap: Heap
  readonly #threads: Thread[] = []
  readonly #wanted: number
  readonly #koffi: string | undefined
  #maySleep = true
  #atExitNoMore: (() => void) | undefined

  /** `threads` counts the calling thread; `koffi`: see `Target`. */
  constructor(heap: Heap, threads: number, koffi?: string) {
    this.#heap = heap
    this.#koffi = koffi
    this.#wanted = threads
  }

  /** Runs the tasks of the first `count` parts, here and on the other threads, `grain` of them at a time. */
  run(parts: readonly Part[], count: number, grain: number, scratch: number, scratchBytes: number): void {
    if (this.#threads.length === 0) this.#start()
    const words = this.#heap.i32
    let tasks = 0
    for (let i = 0, at = job + 4; i < count; i++, at += partWords) {
      const { compiled, parameters, tasks: own } = parts[i]!
      words[at] = own
      words[at + 1] = parameters
      words[at + 2] = compiled.slot
      words[at + 3] = compiled.version
      words[at + 4] = compiled.codeAddress
      words[at + 5] = compiled.codeBytes
      tasks += own
    }
    words[job] = tasks
    words[job + 1] = grain
    words[job + 2] = scratch
    words[job + 3] = scratchBytes
    Atomics.store(words, next, 0)
    Atomics.store(words, state, open)
    Atomics.add(words, epoch, 1)
    if (Atomics.load(words, sleeping) > 0) Atomics.notify(words, epoch)
    let error: unknown
    try {
      let [part, first] = [0, 0]
      for (;;) {
        let begin = Atomics.add(words, next, grain)
        if (begin >= tasks) break
        const end = Math.min(begin + grain, tasks)
        while (begin < end) {
          while (begin >= first + parts[part]!.tasks) first += parts[part++]!.tasks
          const { compiled, parameters, tasks: own } = parts[part]!
          const stop = Math.min(end, first + own)
          compiled.run(parameters, begin - first, stop - first, scratch)
          begin = stop
        }
      }
    } catch (thrown) {
      error = thrown
      Atomics.store(words, next, tasks)
    }
    Atomics.and(words, state, ~open)
    this.#wait(words)
    if (error !== undefined) throw error
    if (Atomics.exchange(words, failed, 0) !== 0) {
      throw new TargetError({
        operation: 'launch',
        expected: 'a kernel that runs on every thread',
        found: `a failure on another thread: ${this.#reason()}`,
        hint: 'run it on one thread (HEED_THREADS=1) to see the failure itself',
      })
    }
  }

  /**
   * Until the others finished what they hold: awake for a while, then asleep where this thread may, so that
   * it takes no processor from them.
   */
  #wait(words: Int32Array): void {
    for (let spin = 0; ; spin++) {
      const inside = Atomics.load(words, state)
      if (inside === 0) return
      if (spin < spins || !this.#maySleep) continue
      try {
        Atomics.wait(words, state, inside, 10)
      } catch {
        this.#maySleep = false // a page's main thread
      }
    }
  }

  #reason(): string {
    const text = this.#heap.u8.subarray(reason, reason + reasonBytes).filter((letter) => letter > 0)
    return String.fromCharCode(...text).split('\n')[0]!
  }

  terminate(): void {
    this.#settle()
    this.#atExitNoMore?.()
    for (const thread of this.#threads.splice(0)) thread.terminate()
  }

  /** Until no thread is loading a library, and none may begin to: from then on threads can be ended. */
  #settle(): void {
    if (this.#koffi === undefined || this.#threads.length === 0) return
    const words = this.#heap.i32
    Atomics.sub(words, loading, closed)
    for (;;) {
      const now = Atomics.load(words, loading)
      if (now <= -closed || Atomics.wait(words, loading, now, 2000) === 'timed-out') return
    }
  }

  #start(): void {
    const words = {
      state,
      epoch,
      sleeping,
      next,
      failed,
      job,
      partWords,
      loading,
      open,
      spins,
      reason,
      reasonBytes,
    }
    Atomics.store(this.#heap.i32, loading, 0)
    if (this.#koffi !== undefined) this.#atExitNoMore = atExit(() => this.#settle())
    for (let thread = 1; thread < this.#wanted; thread++) {
      this.#threads.push(
        startThread(workerSource, {
          memory: sent(this.#heap.memory),
          thread,
          words,
          koffi: this.#koffi,
        }),
      )
    }
  }
}

/** As a thread can be sent it: plain memory is its buffer alone. */
function sent(memory: LinearMemory): LinearMemory {
  return memory instanceof WebAssembly.Memory ? memory : ({ buffer: memory.buffer } as LinearMemory)
}
