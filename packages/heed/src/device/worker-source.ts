/**
 * What a thread runs, as source text, so that no bundler and no file layout stands between it and the library.
 * It waits for a job, joins it if the gate is still open, loads the kernel's code when it first meets it, and takes tasks
 * until none are left.
 */
export const workerSource: string = `
'use strict'
const serve = ({ memory, thread, koffi: library, words: { state, epoch, sleeping, next, failed, job, open, spins } }) => {
  const kernels = new Map()
  let words = new Int32Array(memory.buffer)
  let seen = Atomics.load(words, epoch)
  let native
  const load = (address, bytes) => {
    const code = new Uint8Array(memory.buffer, address, bytes).slice()
    if (library !== undefined) {
      native ??= require(library)
      const heap = Number(native.address(new Uint8Array(memory.buffer)))
      const type = native.proto('void heed_thread_' + address + '(int64_t, uint32_t, int32_t, int32_t, uint32_t)')
      const call = native.decode(BigInt(new Float64Array(code.buffer)[0]), type)
      return (parameters, begin, end, scratch) => call(heap, parameters, begin, end, scratch)
    }
    return new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } }).exports.run
  }
  const join = () => {
    for (;;) {
      const now = Atomics.load(words, state)
      if ((now & open) === 0) return false
      if (Atomics.compareExchange(words, state, now, now + 1) === now) return true
    }
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
      const kernel = words[job], tasks = words[job + 4], grain = words[job + 5]
      let run = kernels.get(kernel)
      if (run === undefined) kernels.set(kernel, run = load(words[job + 1] >>> 0, words[job + 2]))
      const scratch = (words[job + 6] >>> 0) + thread * words[job + 7]
      for (;;) {
        const begin = Atomics.add(words, next, grain)
        if (begin >= tasks) break
        run(words[job + 3], begin, Math.min(begin + grain, tasks), scratch)
      }
    } catch (error) {
      Atomics.store(words, failed, 1)
      Atomics.store(words, next, 0x3fffffff)
    }
    if (Atomics.sub(words, state, 1) === 1) Atomics.notify(words, state)
  }
}
if (typeof require === 'function') serve(require('node:worker_threads').workerData)
else onmessage = (event) => serve(event.data)
`
