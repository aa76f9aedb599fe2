import { Builder } from './builder.js'
import type { ElementType, Machine, ParameterType, Program } from './ir.js'
import type { Int, Term } from './term.js'
import { Pointer } from './term.js'

/** What a parameter is inside the kernel: a number, or a typed pointer. */
export type ParameterTerm<P extends ParameterType> = P extends 'i32' | 'f32'
  ? Term<P>
  : P extends `${infer E extends ElementType}*`
    ? Pointer<E>
    : never
export type ParameterTerms<P extends Readonly<Record<string, ParameterType>>> = {
  readonly [K in keyof P]: ParameterTerm<P[K]>
}

/**
 * A kernel as it is written: once, for every machine. `write` is called when the kernel is assembled for a
 * machine and writes the work of one task; tasks may run in any order and on any thread, so no two may write
 * the same place.
 */
export interface Kernel<
  P extends Readonly<Record<string, ParameterType>> = Readonly<Record<string, ParameterType>>,
> {
  /**
   * Unique: two kernels of the same name are the same kernel. A specialized kernel carries its choices in its
   * name.
   */
  readonly name: string
  /**
   * True where one build of heed always writes the same under this name, so that its code may be kept from
   * one process to the next.
   */
  readonly lasting?: boolean
  /** In the order in which a launch passes them. */
  readonly parameters: P
  // A method, so that a kernel of known parameters is also a `Kernel`.
  write(k: Builder, parameters: ParameterTerms<P>, task: Int): void
}

/** A kernel of the library's own. */
export function kernel<const P extends Readonly<Record<string, ParameterType>>>(
  name: string,
  parameters: P,
  write: (k: Builder, parameters: ParameterTerms<P>, task: Int) => void,
): Kernel<P> {
  return { name, lasting: true, parameters, write }
}

/** A kernel of somebody else's, who may write another one under the same name tomorrow. */
export const guestKernel: typeof kernel = (name, parameters, write) => ({ name, parameters, write })

/** Writes the kernel out for one machine. */
export function assemble<P extends Readonly<Record<string, ParameterType>>>(
  source: Kernel<P>,
  machine: Machine,
): Program {
  const builder = new Builder(machine)
  const parameters = Object.entries(source.parameters).map(([name, type]) => ({ name, type }))
  const terms: Record<string, unknown> = {}
  const prologue = builder.block(() => {
    parameters.forEach(({ name, type }, index) => {
      const term = builder.parameter(index, type === 'f32' ? 'f32' : 'i32')
      terms[name] = type.endsWith('*')
        ? new Pointer(builder, type.slice(0, -1) as ElementType, term as Int)
        : term
    })
  })
  const task = builder.counter()
  const body = builder.block(() => source.write(builder, terms as ParameterTerms<P>, task))
  return {
    name: source.name,
    machine,
    parameters,
    types: builder.types,
    variables: builder.variables,
    prologue,
    task: task.id,
    body,
  }
}
