import { inWords, refusePromise, UsageError } from '../base/index.js'
import type { Device } from '../device/index.js'
import { defaultDevice } from './default-device.js'

let current: Device | undefined

/**
 * The device that new tensors are made on: the one of the innermost `withDevice`, else this machine's best.
 */
export function currentDevice(): Device {
  return current ?? defaultDevice()
}

/**
 * Runs `work` with new tensors made on `device`.
 *
 * @throws StateError if `work` is asynchronous: what it makes after it has waited would be made elsewhere
 */
export function withDevice<T>(device: Device, work: () => T): T {
  if ((device as Device | null | undefined)?.heap === undefined)
    throw new UsageError({
      operation: 'withDevice',
      expected: 'a device',
      found: inWords(device),
      hint: 'make one: new Device(target)',
    })
  const outer = current
  current = device
  try {
    return refusePromise('withDevice', work(), 'put withDevice around each synchronous part')
  } finally {
    current = outer
  }
}
