import type { MachineInstruction, Operand } from './operand.js'

/**
 * What an operand may be, a letter a choice: `b` `h` `d` `q` general registers of 8, 16, 32, 64 bits, `v` vector, `k` mask,
 * `m` memory, `i` immediate, `l` label.
 */
export type Signature = readonly string[]

/** Which operand goes where: reg and rm are ModRM's fields, v is VEX's further register, i an immediate, 4 a register in its upper half. */
export type Layout = 'rm' | 'mr' | 'rvm' | 'rmv' | 'vm' | 'm' | 'mvr' | 'rvm4' | 'none'

/** Bytes that an EVEX displacement of 8 bits counts in: a whole vector (or one element, broadcast), a part of one, or so many bytes. */
export type Tuple = 'full' | 'vector' | 'half' | 'quarter' | number

/** One way to encode an instruction with a VEX or EVEX prefix. */
export interface VectorForm {
  readonly prefix: 'vex' | 'evex'
  readonly operands: Signature
  readonly layout: Layout
  /** The mandatory prefix: none, 66, F3, F2. */
  readonly pp: 0 | 1 | 2 | 3
  /** 0F, 0F38, 0F3A. */
  readonly map: 1 | 2 | 3
  readonly opcode: number
  readonly w: 0 | 1
  readonly digit: number
  readonly tuple: Tuple
  /** Bytes of a broadcast element. */
  readonly element: 4 | 8
}

/** One way to encode an instruction of the general registers. */
export interface GeneralForm {
  readonly prefix: 'none'
  readonly operands: Signature
  readonly layout: 'rm' | 'mr' | 'm' | 'o' | 'fixed'
  /** Bytes of the opcode, mandatory prefix first. */
  readonly opcode: readonly number[]
  readonly digit: number
  /** Bytes of the immediate: 0, 1, 4 or 8. */
  readonly immediate: 0 | 1 | 4 | 8
  /** 66 before it: 16 bits. */
  readonly short: boolean
  /** REX.W: 64 bits. */
  readonly wide: boolean
}

export type Form = VectorForm | GeneralForm

/** What an instruction does to its first operand. */
export type Access = 'read' | 'write' | 'readwrite' | 'none'

export interface Entry {
  readonly forms: readonly Form[]
  readonly first: Access
}

/** The letters that an operand answers to. */
export function letterOf(operand: Operand): string {
  switch (operand.kind) {
    case 'memory':
      return 'm'
    case 'immediate':
      return 'i'
    case 'label':
      return 'l'
    case 'register':
      if (operand.file === 'vector') return 'v'
      if (operand.file === 'mask') return 'k'
      return operand.width === 8 ? 'b' : operand.width === 16 ? 'h' : operand.width === 64 ? 'q' : 'd'
  }
}

/** Whether an instruction can only be said with an EVEX prefix. */
export function needsEvex({ operands, mask }: MachineInstruction): boolean {
  if (mask !== undefined) return true
  return operands.some(
    (operand) =>
      (operand.kind === 'register' &&
        operand.file === 'vector' &&
        (operand.number >= 16 || operand.width === 512)) ||
      (operand.kind === 'memory' &&
        (operand.broadcast === true ||
          operand.vectorIndex === 512 ||
          (operand.vectorIndex !== undefined && operand.index! >= 16))),
  )
}
