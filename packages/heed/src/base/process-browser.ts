import { UsageError } from './errors.js'

/** A worker that was started. */
export interface Thread {
  terminate(): void
}

export function nodeModule<M extends object>(_: string, operation: string): M {
  throw new UsageError({
    operation,
    expected: 'Node',
    found: 'a browser',
    hint: 'fetch the bytes and give those: modelFromFiles and readSafetensors take bytes',
  })
}

export function addressesLeft(): number {
  return Infinity
}

export function availableThreads(): number {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true
  return isolated ? (globalThis.navigator?.hardwareConcurrency ?? 1) : 1
}

export function startThread(source: string, start: object): Thread {
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))
  worker.postMessage(start)
  return { terminate: () => worker.terminate() }
}

/** Workers end with their page. */
export function atExit(): () => void {
  return () => {}
}
