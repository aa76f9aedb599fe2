/** One function on several threads at once. */
import { Worker } from 'node:worker_threads'
import type { Prepared } from './peer.js'

export type LimitWork = 'fma' | 'multiply, add' | 'copy' | 'triad' | 'read'

/**
 * What a worker's script begins with: `loop(words, run)` waits for word 0 to change (awake for a moment, then
 * asleep), runs, adds one to word 1.
 */
const prelude = `
const { workerData } = require('node:worker_threads')
function loop(words, run) {
  for (let seen = 0; ; ) {
    for (let tries = 0; tries < 100_000 && Atomics.load(words, 0) === seen; tries++);
    Atomics.wait(words, 0, seen)
    seen = Atomics.load(words, 0)
    run()
    Atomics.add(words, 1, 1)
    Atomics.notify(words, 1)
  }
}
`

/**
 * @param words two words of shared memory
 * @param run this thread's part
 * @param source a worker's script, which calls `loop`; workerData are one of `others`
 * @param amount operations or bytes of all together
 */
export function onThreads(
  words: Int32Array,
  run: () => void,
  source: string,
  others: readonly object[],
  amount: number,
): Prepared {
  const workers = others.map((workerData) => new Worker(prelude + source, { eval: true, workerData }))
  let asked = 0
  return {
    amount,
    run() {
      asked += workers.length
      Atomics.add(words, 0, 1)
      Atomics.notify(words, 0)
      run()
      for (let done = 0; (done = Atomics.load(words, 1)) < asked;) Atomics.wait(words, 1, done)
    },
    read: () => [],
    async dispose() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}
