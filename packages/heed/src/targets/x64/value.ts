import type { Instruction, Type } from '../../kernels/index.js'
import type { Condition } from './code.js'

/**
 * What the lowering knows of a result. Loads, comparisons and shifts that are used once wait for their user,
 * which may take them into its own instruction. They keep their operands by number, so those stay alive until
 * then.
 */
export type Value =
  /** In a register of its own; `loop` says inside which loop it was made. */
  | { readonly kind: 'register'; readonly register: number; readonly loop: number }
  /** What a variable holds, as long as it is not assigned. */
  | { readonly kind: 'variable'; readonly variable: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'load'; readonly address: number; readonly offset: number; readonly broadcast: boolean }
  | { readonly kind: 'condition'; readonly test: () => Condition }
  | { readonly kind: 'scaled'; readonly a: number; readonly shift: number }
  /** The bits of another result, read as another type. */
  | { readonly kind: 'same'; readonly of: number }

export type Of<Op extends Instruction['op']> = Instruction & { readonly op: Op }

/** A result taken for one use: `dying` where this is its last, so that its register may be overwritten. */
export interface Taken {
  readonly register: number
  readonly dying: boolean
}

/** Zero is made in a register at no cost; other constants are read where they are used. */
export function isConstantOperand(type: Type, value: number): type is 'f32' | 'vector' | 'ivector' {
  return (type === 'f32' || type === 'vector' || type === 'ivector') && !Object.is(value, 0)
}
