import { UsageError } from './errors.js'
import * as browser from './process-browser.js'

// What the process is asked for, where there is one: Node's modules, memory, threads. Where a bundler writes
// for browsers, process-browser.ts stands in this module's place.

/**
 * A module of Node's own, without an import that a bundler for browsers would have to resolve.
 *
 * @throws {UsageError} where this is not Node, or one that has no such module
 */
export function nodeModule<M extends object>(name: string, operation: string): M {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => object | undefined }
  }
  const found = process?.getBuiltinModule?.(name)
  if (found !== undefined) return found as M
  throw new UsageError({
    operation,
    expected: `Node 20.16 or newer, for its module ${name}`,
    found: process === undefined ? 'a browser' : 'something that has no such module',
    hint: 'in a browser, fetch the bytes and give those: modelFromFiles and readSafetensors take bytes',
  })
}

/**
 * Bytes of addresses that this process may still take, by Linux's account; without a limit, or elsewhere,
 * infinitely many.
 */
export function addressesLeft(): number {
  try {
    const { readFileSync } = nodeModule<typeof import('node:fs')>('node:fs', 'heap')
    const limit = /^Max address space +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    const taken = /^VmSize:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (limit !== null && taken !== null) return Number(limit[1]) - 1024 * Number(taken[1])
  } catch {
    // Not Linux.
  }
  return Infinity
}

/** How many threads this environment can share a heap with: 1 where memory can't be shared. */
export function availableThreads(): number {
  const os = globalThis.process?.getBuiltinModule?.('node:os')
  return os?.availableParallelism() ?? browser.availableThreads()
}

/** A thread of Node that keeps no process alive, or a worker of a page where there is no Node. */
export function startThread(source: string, start: object): browser.Thread {
  const node = globalThis.process?.getBuiltinModule?.('node:worker_threads')
  if (node === undefined) return browser.startThread(source, start)
  const options = { eval: true, workerData: start, stdout: false, stderr: false, execArgv: [] }
  const worker = new node.Worker(source, options)
  worker.unref()
  // Nobody waits for a thread that can't start: the others take its tasks.
  worker.on('error', () => {})
  return { terminate: () => void worker.terminate() }
}

const running = new Set<() => void>()
let listening = false

/** What is to be done when the process ends, until the function that this gives is called. */
export function atExit(end: () => void): () => void {
  running.add(end)
  if (!listening) {
    listening = true
    globalThis.process?.once('exit', () => {
      for (const each of running) each()
    })
  }
  return () => running.delete(end)
}
