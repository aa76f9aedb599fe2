import { MemoryError, TargetError } from '../../base/index.js'
import type { Device } from '../../device/index.js'

/** Makes the nth allocation, or the nth launch, fail while `work` runs; whether it came to that. */
export function failing(device: Device, what: 'allocate' | 'launch', at: number, work: () => void): boolean {
  let count = 0
  const fail = (): void => {
    if (count++ !== at) return
    const problem = { operation: what, expected: 'more', found: 'less', hint: 'this is a test' }
    throw what === 'allocate' ? new MemoryError(problem) : new TargetError(problem)
  }
  const { heap } = device
  const [allocate, launch, launchTogether] = [heap.allocate, device.launch, device.launchTogether]
  if (what === 'allocate') heap.allocate = (bytes) => (fail(), allocate.call(heap, bytes))
  else {
    device.launch = (...given) => (fail(), launch.apply(device, given))
    device.launchTogether = (...given) => (fail(), launchTogether.apply(device, given))
  }
  try {
    work()
  } finally {
    Object.assign(heap, { allocate })
    Object.assign(device, { launch, launchTogether })
  }
  return count > at
}
