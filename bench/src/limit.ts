/** What this machine can do at most from 128-bit WebAssembly: multiply-adds in registers, and bytes moved. */
import { Worker } from 'node:worker_threads'
import { moduleOf, op } from './emitter.js'
import type { Formulation, Peer, Prepared } from './peer.js'

const accumulators = 12
const perLoop = 4 // repetitions of the whole set of accumulators in one turn of the loop
const turns = 4_000_000
const bytes = 64 * 2 ** 20
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

/** run(to, from, other, bytes): to = from, or to = from + 0.5 · other. */
function moving(triad: boolean): Uint8Array<ArrayBuffer> {
  const unroll = 8
  const scale = 4
  const advance = (at: number): number[] => [
    ...op.get(at),
    ...op.i32(16 * unroll),
    ...op.i32Add,
    ...op.set(at),
  ]
  const step = (i: number): number[] => [
    ...op.get(0),
    ...op.get(1),
    ...op.load(16 * i),
    ...(triad ? [...op.get(2), ...op.load(16 * i), ...op.get(scale), ...op.multiply, ...op.add] : []),
    ...op.store(16 * i),
  ]
  return moduleOf(4, 1, [
    ...op.splat(0.5),
    ...op.set(scale),
    ...op.loop([
      ...Array.from({ length: unroll }, (_, i) => step(i)).flat(),
      ...advance(0),
      ...advance(1),
      ...advance(2),
      ...op.get(3),
      ...op.i32(16 * unroll),
      ...op.i32Sub,
      ...op.set(3),
      ...op.get(3),
    ]),
  ])
}

/** Waits for word 0 to change (awake for a moment, then asleep), runs, adds one to word 1. */
const workerSource = `
const { workerData } = require('node:worker_threads')
const { module, memory, parameters } = workerData
const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports
const words = new Int32Array(memory.buffer)
for (let seen = 0; ; ) {
  for (let tries = 0; tries < 100_000 && Atomics.load(words, 0) === seen; tries++);
  Atomics.wait(words, 0, seen)
  seen = Atomics.load(words, 0)
  run(...parameters)
  Atomics.add(words, 1, 1)
  Atomics.notify(words, 1)
}`

function prepare(
  code: Uint8Array<ArrayBuffer>,
  pages: number,
  parameters: number[][],
  amount: number,
): Prepared {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true })
  const module = new WebAssembly.Module(code)
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports as {
    run: (...parameters: number[]) => void
  }
  const words = new Int32Array(memory.buffer)
  const workers = parameters
    .slice(1)
    .map((own) => new Worker(workerSource, { eval: true, workerData: { module, memory, parameters: own } }))
  let asked = 0
  return {
    amount,
    run() {
      asked += workers.length
      Atomics.add(words, 0, 1)
      Atomics.notify(words, 0)
      run(...parameters[0]!)
      for (let done = 0; (done = Atomics.load(words, 1)) < asked;) Atomics.wait(words, 1, done)
    },
    read: () => [],
    async dispose() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

/** `variant`: 'limit fma 2 threads' and the like. */
export function load(variant: string): Promise<Peer> {
  const threads = variant.includes('2 threads') ? 2 : 1
  const each = Array.from({ length: threads }, (_, i) => i)
  const name = variant.replace(/^limit /, '')
  const isMoving = /^(copy|triad)/.test(name)
  const triad = name.startsWith('triad')
  const formulate = (): Formulation[] => [
    {
      name,
      prepare: () => {
        if (!isMoving) {
          const flops = threads * turns * perLoop * accumulators * 4 * 2
          return Promise.resolve(
            prepare(
              arithmetic(name.startsWith('fma')),
              1,
              each.map(() => [turns]),
              flops,
            ),
          )
        }
        const part = bytes / threads
        const ranges = each.map((i) => [0, 1, 2].map((k) => start + k * bytes + i * part).concat(part))
        const pages = (start + 3 * bytes) / 65536
        return Promise.resolve(prepare(moving(triad), pages, ranges, bytes * (triad ? 3 : 2)))
      },
    },
  ]
  return Promise.resolve({
    version: '',
    target: 'wasm',
    configuration: name,
    ...(isMoving
      ? { rows: formulate }
      : { matmul: formulate, attention: formulate, layer: formulate, train: formulate }),
  })
}
