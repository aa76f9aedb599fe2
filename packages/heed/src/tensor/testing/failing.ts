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
  // They are methods of the class: what stands on the object itself is ours.
  const objects: readonly object[] = [heap, device]
  const allocate = heap.allocate.bind(heap)
  const launch = device.launch.bind(device)
  const launchTogether = device.launchTogether.bind(device)
  if (what === 'allocate') heap.allocate = (bytes) => (fail(), allocate(bytes))
  else {
    device.launch = (...given) => (fail(), launch(...given))
    device.launchTogether = (...given) => (fail(), launchTogether(...given))
  }
  try {
    work()
  } finally {
    for (const object of objects)
      for (const name of ['allocate', 'launch', 'launchTogether']) Reflect.deleteProperty(object, name)
  }
  return count > at
}
