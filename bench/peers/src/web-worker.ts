/** Enough of the browser's Worker for a library that starts workers from blob: addresses, over Node's threads. */
import { resolveObjectURL } from 'node:buffer'
import { Worker as Thread } from 'node:worker_threads'

/** What a worker's script expects to find. */
const prelude = `
const { parentPort } = require('node:worker_threads')
globalThis.self = globalThis
globalThis.postMessage = (message) => parentPort.postMessage(message)
parentPort.on('message', (data) => globalThis.onmessage({ data }))
`

class WebWorker {
  onmessage: ((event: { data: unknown }) => void) | undefined
  onerror: ((error: Error) => void) | undefined
  readonly #started: Promise<Thread>
  #thread: Thread | undefined

  constructor(url: string) {
    this.#started = this.#start(url)
  }

  async #start(url: string): Promise<Thread> {
    const script = await resolveObjectURL(url)!.text()
    const thread = new Thread(prelude + script, { eval: true })
    thread.on('message', (data) => this.onmessage?.({ data }))
    thread.on('error', (error: Error) => this.onerror?.(error))
    this.#thread = thread
    return thread
  }

  postMessage(message: unknown): void {
    if (this.#thread) this.#thread.postMessage(message)
    else void this.#started.then((thread) => thread.postMessage(message))
  }
}

/** Make `Worker` known, and say that there are `threads` processors. */
export function installWebWorker(threads: number): void {
  Object.defineProperty(globalThis, 'Worker', { value: WebWorker, configurable: true })
  Object.defineProperty(globalThis, 'navigator', {
    value: { hardwareConcurrency: threads },
    configurable: true,
  })
}
