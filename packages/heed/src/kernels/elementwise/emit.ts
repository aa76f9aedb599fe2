import { type Expression, Emitter, nodesOf } from '../expression/index.js'
import type { Builder, Int, ParameterType, Pointer, Term } from '../language/index.js'

/** A kernel's parameters where their names are made up by a loop. */
export type ParameterTable = Readonly<Record<string, Int | Term<'f32'> | Pointer>>

/** Declarations for the numbers given at launch: `parameter0`, `parameter1`, … */
export function parameterTypes(expressions: readonly Expression[]): Record<string, ParameterType> {
  const found: [slot: number, type: ParameterType][] = nodesOf(expressions)
    .filter(({ operation }) => operation === 'parameter')
    .map(({ value, kind }) => [value as number, kind === 'integer' ? 'i32' : 'f32'])
  const count = found.reduce((most, [slot]) => Math.max(most, slot + 1), 0)
  return Object.fromEntries(
    Array.from({ length: count }, (_, slot) => [
      `parameter${slot}`,
      found.find(([known]) => known === slot)?.[1] ?? 'f32',
    ]),
  )
}

/** Of the numbers given for `parameter(i)`, those that a kernel of these expressions declares. */
export function usedParameters(
  expressions: readonly Expression[],
  given: readonly number[],
): readonly number[] {
  return given.slice(0, Object.keys(parameterTypes(expressions)).length)
}

/** An emitter that knows the kernel's number parameters. */
export function emitterFor(k: Builder, parameters: ParameterTable): Emitter {
  return new Emitter(k, { parameter: (slot) => parameters[`parameter${slot}`] as Term<'f32'> | Term<'i32'> })
}
