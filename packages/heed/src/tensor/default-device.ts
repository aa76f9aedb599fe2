import { UsageError } from '../base/index.js'
import { availableThreads, Device } from '../device/index.js'
import { interpreter, type Target, wasmFeatures, wasmTarget } from '../targets/index.js'

let device: Device | undefined

/** What may be forced by the environment variable HEED_TARGET. */
const targets = ['wasm', 'interpreter']

/**
 * The device that is used where none is named: WebAssembly on all threads. HEED_TARGET names another target,
 * HEED_THREADS another number of threads. Made when first asked for.
 */
export function defaultDevice(): Device {
  if (device) return device
  const environment = globalThis.process?.env ?? {}
  const name = environment.HEED_TARGET ?? 'wasm'
  if (!targets.includes(name)) {
    throw new UsageError({
      operation: 'HEED_TARGET',
      expected: targets.join(' or '),
      found: `'${name}'`,
      hint: 'unset it to let heed choose',
    })
  }
  const threads =
    environment.HEED_THREADS === undefined ? availableThreads() : Number(environment.HEED_THREADS)
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new UsageError({
      operation: 'HEED_THREADS',
      expected: 'a whole number from 1 to 256',
      found: `'${environment.HEED_THREADS}'`,
      hint: 'unset it to use every processor',
    })
  }
  const shared = name !== 'interpreter' && availableThreads() > 1
  device = new Device(name === 'interpreter' ? interpreter : bestWasm(shared), { shared, threads })
  return device
}

/** The fastest form of the wasm target that this engine has. */
function bestWasm(shared: boolean): Target {
  const { relaxed, revectorize } = wasmFeatures()
  return wasmTarget({ lanes: revectorize ? 8 : 4, relaxed, shared })
}
