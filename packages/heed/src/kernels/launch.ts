import type { Kernel } from './language/index.js'

/**
 * One run of a kernel, as plain data: the functions that plan an operation give a list of these, and a device runs them in
 * order. `parameters` stand in the order of the kernel's declaration (byte addresses for pointers).
 */
export interface Launch {
  readonly kernel: Kernel
  readonly parameters: readonly number[]
  readonly tasks: number
  readonly scratchBytes?: number
}
