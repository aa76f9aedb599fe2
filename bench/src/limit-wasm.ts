/** The limits that 128-bit WebAssembly has. */
import { moduleOf, op } from './emitter.js'
import { type LimitWork, onThreads } from './limit-threads.js'
import type { Prepared } from './peer.js'

const accumulators = 12
const perLoop = 4 // repetitions of the whole set of accumulators in one turn of the loop
const turns = 4_000_000
const start = 65536

/** run(turns): 12 independent chains x = x·a + b, enough to hide the latency of two units. */
function arithmetic(fused: boolean): Uint8Array<ArrayBuffer> {
  const [a, b] = [1 + accumulators, 2 + accumulators]
  const step = (at: number): number[] =>
    fused
      ? [...op.get(at), ...op.get(a), ...op.get(b), ...op.fused, ...op.set(at)]
      : [...op.get(at), ...op.get(a), ...op.multiply, ...op.get(b), ...op.add, ...op.set(at)]
  const chains = Array.from({ length: accumulators }, (_, i) => 1 + i)
  return moduleOf(1, accumulators + 2, [
    ...op.splat(0.999),
    ...op.set(a),
    ...op.splat(0.001),
    ...op.set(b),
    ...chains.flatMap((at) => [...op.splat(at), ...op.set(at)]),
    ...op.loop([
      ...Array.from({ length: perLoop }, () => chains.flatMap(step)).flat(),
      ...op.get(0),
      ...op.i32(1),
      ...op.i32Sub,
      ...op.set(0),
      ...op.get(0),
    ]),
    // The results must be used, or the compiler may drop the loop.
    ...chains.flatMap((at) => [...op.i32(0), ...op.get(at), ...op.store(1024)]),
  ])
}

const unroll = 8
/** Parameters 0 to 2 are addresses, 3 the bytes left. */
const advanced = [
  ...[0, 1, 2].flatMap((at) => [...op.get(at), ...op.i32(16 * unroll), ...op.i32Add, ...op.set(at)]),
  ...op.get(3),
  ...op.i32(16 * unroll),
  ...op.i32Sub,
  ...op.set(3),
  ...op.get(3),
]
const unrolled = (step: (i: number) => number[]): number[] =>
  Array.from({ length: unroll }, (_, i) => step(i)).flat()

/** run(to, from, other, bytes): to = from, or to = from + 0.5 · other. */
function moving(triad: boolean): Uint8Array<ArrayBuffer> {
  const scale = 4
  const step = (i: number): number[] => [
    ...op.get(0),
    ...op.get(1),
    ...op.load(16 * i),
    ...(triad ? [...op.get(2), ...op.load(16 * i), ...op.get(scale), ...op.multiply, ...op.add] : []),
    ...op.store(16 * i),
  ]
  return moduleOf(4, 1, [...op.splat(0.5), ...op.set(scale), ...op.loop([...unrolled(step), ...advanced])])
}

/** run(-, from, -, bytes): the sum of eight streams. */
function reading(): Uint8Array<ArrayBuffer> {
  const step = (i: number): number[] => [
    ...op.get(4 + i),
    ...op.get(1),
    ...op.load(16 * i),
    ...op.add,
    ...op.set(4 + i),
  ]
  return moduleOf(4, unroll, [
    ...op.loop([...unrolled(step), ...advanced]),
    ...unrolled((i) => [...op.i32(0), ...op.get(4 + i), ...op.store(1024)]),
  ])
}

const source = `
const { module, memory, parameters } = workerData
const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports
loop(new Int32Array(memory.buffer), () => run(...parameters))`

export function limitOfWasm(work: LimitWork, threads: number, bytes: number): Prepared {
  const each = Array.from({ length: threads }, (_, i) => i)
  const isArithmetic = work === 'fma' || work === 'multiply, add'
  const code = isArithmetic
    ? arithmetic(work === 'fma')
    : work === 'read'
      ? reading()
      : moving(work === 'triad')
  const streams = work === 'read' ? 1 : 3
  const part = Math.floor(bytes / threads / 1024) * 1024
  const parameters = each.map((i) =>
    isArithmetic ? [turns] : [...[0, 1, 2].map((k) => start + (k % streams) * bytes + i * part), part],
  )
  const memory = new WebAssembly.Memory({
    initial: isArithmetic ? 1 : (start + streams * bytes) / 65536,
    maximum: 65536,
    shared: true,
  })
  // Pages that nobody has written to are all one page, which lies in the cache.
  if (!isArithmetic) new Float32Array(memory.buffer, start).fill(0.25)
  const module = new WebAssembly.Module(code)
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports as {
    run: (...parameters: number[]) => void
  }
  return onThreads(
    new Int32Array(memory.buffer),
    () => run(...parameters[0]!),
    source,
    parameters.slice(1).map((own) => ({ module, memory, parameters: own })),
    isArithmetic
      ? threads * turns * perLoop * accumulators * 4 * 2
      : threads * part * { copy: 2, triad: 3, read: 1 }[work],
  )
}
