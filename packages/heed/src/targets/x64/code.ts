import type { Label, MachineInstruction, Memory, Operand, Register, RegisterFile, Width } from './operand.js'

/** Registers from this number on are virtual: the allocator gives them one of the processor's. */
export const firstVirtual = 64

/** Where a label is placed, and where a loop starts and ends. */
export type Marker =
  | { readonly marker: 'label'; readonly label: Label }
  | { readonly marker: 'loop'; readonly label: Label; readonly innermost: boolean }
  | { readonly marker: 'end' }

export type Item = MachineInstruction | Marker

/** What happens if: the letters after `j`, `set` and `cmov`. */
export type Condition = 'e' | 'ne' | 'l' | 'le' | 'g' | 'ge' | 'b' | 'be' | 'a' | 'ae'

export const opposite: Readonly<Record<Condition, Condition>> = {
  e: 'ne',
  ne: 'e',
  l: 'ge',
  ge: 'l',
  g: 'le',
  le: 'g',
  b: 'ae',
  ae: 'b',
  a: 'be',
  be: 'a',
}

/** Instructions of one function over virtual registers, with its loops marked. */
export class Code {
  readonly items: Item[] = []
  /** The file of each virtual register, from `firstVirtual` on. */
  readonly files: RegisterFile[] = []
  /** Registers that hold a constant: where it is read from when there is no register for it. */
  readonly constants: Map<number, Memory> = new Map()
  /** Bits of a vector. */
  readonly width: 256 | 512
  #labels = 0

  constructor(width: 256 | 512) {
    this.width = width
  }

  register(file: RegisterFile): number {
    return this.files.push(file) - 1 + firstVirtual
  }
  emit(name: string, ...operands: Operand[]): void {
    this.items.push({ name, operands })
  }
  /** With a mask: lanes outside it keep what they had, or become 0. */
  masked(name: string, mask: number, zeroing: boolean, ...operands: Operand[]): void {
    this.items.push({ name, operands, mask, zeroing })
  }
  label(): Label {
    return { kind: 'label', label: this.#labels++ }
  }
  place(label: Label): void {
    this.items.push({ marker: 'label', label })
  }
  get labels(): number {
    return this.#labels
  }
}

// ---- operands ----

export function general(number: number, width: Width = 32): Register {
  return { kind: 'register', file: 'general', width, number }
}
export function vector(number: number, width: Width): Register {
  return { kind: 'register', file: 'vector', width, number }
}
export function maskRegister(number: number): Register {
  return { kind: 'register', file: 'mask', width: 64, number }
}
export function immediate(value: number): Operand {
  return { kind: 'immediate', value }
}
