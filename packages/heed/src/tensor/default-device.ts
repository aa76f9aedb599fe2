import { chooseDevice } from '#choose-device'
import type { Device } from '../device/index.js'

let device: Device | undefined

/**
 * The device that is used where none is named: machine code where this system runs it, else WebAssembly, on
 * all threads. HEED_TARGET names a target, HEED_VECTOR the bits of x64's vectors, HEED_THREADS another number
 * of threads. Made when first asked for.
 *
 * @throws {UsageError} where these ask for what there isn't here
 */
export function defaultDevice(): Device {
  return (device ??= chooseDevice(globalThis.process?.env ?? {}))
}
