import { canonical, type Expression, Emitter } from '../expression/index.js'
import type { Builder, Int, ParameterType, Pointer, Term } from '../language/index.js'

/** A kernel's parameters where their names are made up by a loop. */
export type ParameterTable = Readonly<Record<string, Int | Term<'f32'> | Pointer>>

/** Declarations for the numbers given at launch: `parameter0`, `parameter1`, … */
export function parameterTypes(expressions: readonly Expression[]): Record<string, ParameterType> {
  return Object.fromEntries(canonical(expressions).parameters.map((type, slot) => [`parameter${slot}`, type]))
}

/** Of the numbers given for `parameter(i)`, those that a kernel of these expressions declares. */
export function parameterValues(
  expressions: readonly Expression[],
  given: readonly number[],
): Record<string, number> {
  const { parameters } = canonical(expressions)
  return Object.fromEntries(parameters.map((_, slot) => [`parameter${slot}`, given[slot]!]))
}

/** An emitter that knows the kernel's number parameters. */
export function emitterFor(k: Builder, parameters: ParameterTable): Emitter {
  return new Emitter(k, { parameter: (slot) => parameters[`parameter${slot}`] as Term<'f32'> | Term<'i32'> })
}
