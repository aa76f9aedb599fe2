import { bindSource } from '../targets/index.js'

/**
 * What a thread runs, as source text, so that no bundler and no file layout stands between it and the
 * library. It waits for a job, joins it if the gate is still open, loads the kernel's code when it first
 * meets it, and takes tasks until none are left. Where there is koffi, code is the address of machine code.
 */
export const workerSource: string = `
'use strict'
const serve = ({ memory, thread, koffi, words: { state, epoch, sleeping, next, failed, job, partWords, loading, open, spins, reason, reasonBytes } }) => {
  const kernels = new Map()
  let words = new Int32Array(memory.buffer)
  let seen = Atomics.load(words, epoch)
  const load = (address, bytes) => {
    const code = new Uint8Array(memory.buffer, address, bytes).slice()
    if (bind !== undefined) return bind(new Float64Array(code.buffer)[0])
    return new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } }).exports.run
  }
  let bind
  ${bindSource}
  const join = () => {
    for (;;) {
      const now = Atomics.load(words, state)
      if ((now & open) === 0) return false
      if (Atomics.compareExchange(words, state, now, now + 1) === now) return true
    }
  }
  const tell = (error) => {
    const text = Array.from(String(error?.message ?? error), (letter) => letter.charCodeAt(0) & 127)
    new Uint8Array(memory.buffer, reason, reasonBytes).fill(0).set(text.slice(0, reasonBytes))
  }
  for (;;) {
    for (let spin = 0; Atomics.load(words, epoch) === seen; spin++) {
      if (spin < spins) continue
      Atomics.add(words, sleeping, 1)
      Atomics.wait(words, epoch, seen)
      Atomics.sub(words, sleeping, 1)
    }
    seen = Atomics.load(words, epoch)
    if (!join()) continue
    try {
      const tasks = words[job], grain = words[job + 1]
      const scratch = (words[job + 2] >>> 0) + thread * words[job + 3]
      let part = job + 4, first = 0
      for (;;) {
        let begin = Atomics.add(words, next, grain)
        if (begin >= tasks) break
        const end = Math.min(begin + grain, tasks)
        while (begin < end) {
          while (begin >= first + words[part]) {
            first += words[part]
            part += partWords
          }
          const slot = words[part + 2], version = words[part + 3], stop = Math.min(end, first + words[part])
          let kernel = kernels.get(slot)
          if (kernel === undefined || kernel.version !== version) {
            kernel = { version, run: load(words[part + 4] >>> 0, words[part + 5]) }
            kernels.set(slot, kernel)
          }
          kernel.run(words[part + 1], begin - first, stop - first, scratch)
          begin = stop
        }
      }
    } catch (error) {
      if (Atomics.compareExchange(words, failed, 0, 1) === 0) tell(error)
      Atomics.store(words, next, 0x3fffffff)
    }
    if (Atomics.sub(words, state, 1) === 1) Atomics.notify(words, state)
  }
}
if (typeof require === 'function') serve(require('node:worker_threads').workerData)
else onmessage = (event) => serve(event.data)
`
