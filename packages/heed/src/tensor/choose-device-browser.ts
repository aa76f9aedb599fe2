import { availableThreads } from '../base/index.js'
import { Device } from '../device/index.js'
import { vectorFeatures, wasmTarget } from '../targets/index.js'

/**
 * What stands in `chooseDevice`'s place where a bundler writes for browsers: WebAssembly on all threads that
 * may share memory. There is no environment to ask for others.
 */
export function chooseDevice(): Device {
  const threads = availableThreads()
  const shared = threads > 1
  const { relaxed } = vectorFeatures()
  return new Device(wasmTarget({ lanes: 4, relaxed, shared }), { shared, threads })
}
