import type { Device } from '../device/index.js'
import type { Launch } from '../kernels/index.js'

/** Runs the launches that `plan` gives; the workspace that it asks for is freed when they are done. */
export function execute(
  device: Device,
  plan: (allocate: (bytes: number) => number) => readonly Launch[],
): void {
  const workspace: number[] = []
  const allocate = (bytes: number): number => {
    const address = device.heap.allocate(bytes)
    workspace.push(address)
    return address
  }
  try {
    for (const { kernel, parameters, tasks, scratchBytes } of plan(allocate))
      device.launch(kernel, parameters, tasks, scratchBytes)
  } finally {
    for (const address of workspace) device.heap.free(address)
  }
}
