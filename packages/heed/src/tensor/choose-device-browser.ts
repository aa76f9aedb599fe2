import { availableThreads, Device } from '../device/index.js'
import { wasmFeatures, wasmTarget } from '../targets/index.js'

/**
 * What stands in `chooseDevice`'s place where a bundler writes for browsers: WebAssembly on all threads that
 * may share memory. There is no environment to ask for others.
 */
export function chooseDevice(): Device {
  const threads = availableThreads()
  const shared = threads > 1
  const { relaxed, revectorize } = wasmFeatures()
  return new Device(wasmTarget({ lanes: revectorize ? 8 : 4, relaxed, shared }), { shared, threads })
}
