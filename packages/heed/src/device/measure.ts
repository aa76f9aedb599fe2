import { kernel, type Kernel } from '../kernels/index.js'
import type { Device } from './device.js'

/** What a device can do at most, measured: no kernel on it is faster. */
export interface DeviceLimits {
  /**
   * Floating-point operations a second, all threads: independent chains of multiply-adds (two operations
   * each) in registers.
   */
  readonly operationsPerSecond: number
  /** Bytes read and written a second, all threads: a copy much larger than the caches. */
  readonly bytesPerSecond: number
}

/**
 * Independent chains: enough to keep two units of a latency of four to six cycles busy, few enough for 16
 * registers.
 */
const chains = 12
/** Links of each chain in one turn of the loop. */
const links = 4

/** `turns` turns of multiply-adds in registers; the results are stored, or a compiler could drop them. */
const arithmetic = kernel('limit-arithmetic', { turns: 'i32', out: 'f32*' }, (k, { turns, out }, task) => {
  const [factor, other] = [k.variable(k.vector(0.999)), k.variable(k.vector(0.001))]
  const values = Array.from({ length: chains }, (_, i) => k.variable(k.vector(i)))
  k.loop(0, turns, 1, () => {
    k.unroll(links, () => {
      for (const value of values) value.set(factor.get().fma(other.get(), value.get()))
    })
  })
  values.forEach((value, i) => k.store(out.at(task.mul(chains * k.lanes)).at(i * k.lanes), value.get()))
}) as unknown as Kernel

/** Vectors in one turn of the copy's loop. */
const unrolled = 8

/** Copies `elements` floats for each task; `elements` is a multiple of 8 vectors. */
const copy = kernel(
  'limit-copy',
  { from: 'f32*', to: 'f32*', elements: 'i32' },
  (k, { from, to, elements }, task) => {
    const start = task.mul(elements)
    const [source, target] = [from.at(start), to.at(start)]
    k.loop(0, elements, unrolled * k.lanes, (i) => {
      const [read, write] = [source.at(i), target.at(i)]
      k.unroll(unrolled, (part) => k.store(write.at(part * k.lanes), k.load(read.at(part * k.lanes))))
    })
  },
) as unknown as Kernel

export interface MeasureOptions {
  /** How long each of the two is measured, in seconds; default 0.3. The fastest of several runs counts. */
  readonly seconds?: number
  /** Size of each of the two arrays that are copied from and to, in bytes; default 64 MiB. */
  readonly bytes?: number
}

/**
 * Measures what `device` can do at most. The arrays are taken from its heap and freed; a heap does not
 * shrink, so measure on a device made for it.
 *
 * @throws {MemoryError} when the heap has no room for the two arrays
 */
export function measureLimits(device: Device, options: MeasureOptions = {}): DeviceLimits {
  const seconds = options.seconds ?? 0.3
  return {
    operationsPerSecond: measureArithmetic(device, seconds),
    bytesPerSecond: measureCopy(device, seconds, options.bytes ?? 64 * 2 ** 20),
  }
}

function measureArithmetic(device: Device, seconds: number): number {
  const { lanes } = device.target.machine
  // Many more tasks than threads, so that one that wakes late costs little.
  const tasks = 32 * device.threads
  const out = device.heap.allocate(tasks * chains * lanes * device.floatBytes)
  try {
    let turns = 16
    const run = (): void => device.launch(arithmetic, [turns, out], tasks)
    run() // assembles the kernel and starts the threads, which tells nothing of how long it takes
    while (secondsOf(run) < 0.01 && turns < 2 ** 20) turns *= 2
    return (tasks * turns * links * chains * lanes * 2) / fastest(run, seconds)
  } finally {
    device.heap.free(out)
  }
}

function measureCopy(device: Device, seconds: number, bytes: number): number {
  const { heap, floatBytes } = device
  const elements = 2 ** 16
  const tasks = Math.max(1, Math.floor(bytes / (elements * floatBytes)))
  const size = tasks * elements * floatBytes
  const from = heap.allocate(size)
  try {
    const to = heap.allocate(size)
    try {
      // The first run touches the pages.
      heap.u8.fill(0, from, from + size)
      heap.u8.fill(0, to, to + size)
      return (2 * size) / fastest(() => device.launch(copy, [from, to, elements], tasks), seconds)
    } finally {
      heap.free(to)
    }
  } finally {
    heap.free(from)
  }
}

/** The least time of runs that take `seconds` together, at least three of them. */
function fastest(run: () => void, seconds: number): number {
  secondsOf(run)
  let least = Infinity
  const start = performance.now()
  for (let runs = 0; runs < 3 || performance.now() - start < 1000 * seconds; runs++) {
    least = Math.min(least, secondsOf(run))
  }
  return least
}

function secondsOf(run: () => void): number {
  const start = performance.now()
  run()
  return (performance.now() - start) / 1000
}
