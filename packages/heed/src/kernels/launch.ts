import { StateError } from '../base/index.js'
import type { Kernel, ParameterType } from './language/index.js'

/**
 * One run of a kernel, as plain data: the functions that plan an operation give a list of these, and a device
 * runs them in order. Made by `launchOf`, which puts `parameters` in the order of the kernel's declaration.
 */
export interface Launch {
  readonly kernel: Kernel
  readonly parameters: readonly number[]
  readonly tasks: number
  readonly scratchBytes?: number
}

type Parameters = Readonly<Record<string, ParameterType>>

/** A number for each parameter of a kernel, by its name: byte addresses for pointers. */
export type LaunchValues<P extends Parameters> = { readonly [K in keyof P]: number }

/**
 * A launch from values by name: the order is that of the kernel's declaration, whatever the order of
 * `values`. A name that is missing, or that the kernel doesn't declare, does not compile where the names of
 * its parameters are known by type.
 *
 * @throws StateError for such a name where they are not
 */
export function launchOf<P extends Parameters, V extends LaunchValues<P>>(
  kernel: Kernel<P>,
  values: V & { readonly [K in Exclude<keyof V, keyof P>]: never },
  tasks: number,
  scratchBytes?: number,
): Launch {
  const given: Readonly<Record<string, number | undefined>> = values
  const parameters: number[] = []
  for (const name of Object.keys(kernel.parameters)) {
    const value = given[name]
    if (value === undefined) throw refuse(kernel.name, `a value for '${name}'`, 'none')
    parameters.push(value)
  }
  const names = Object.keys(given)
  if (names.length !== parameters.length) {
    const other = names.find((name) => !Object.hasOwn(kernel.parameters, name))
    throw refuse(kernel.name, 'values for its parameters alone', `one for '${other}'`)
  }
  return { kernel, parameters, tasks, ...(scratchBytes === undefined ? {} : { scratchBytes }) }
}

function refuse(name: string, expected: string, found: string): StateError {
  return new StateError({ operation: `launch of ${name}`, expected, found, hint: 'this is a bug in heed' })
}
