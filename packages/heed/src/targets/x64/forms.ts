import type { Memory, Operand } from './operand.js'

/** What is done with an operand that is a register. */
export type Access = 'read' | 'write' | 'readwrite' | 'none'

/** What a place of a form takes. */
export interface Pattern {
  /** The kinds of operands, as `kindOf` gives them: bits. */
  readonly accepts: number
  /** Bits of the memory, 0 where it has none. */
  readonly memory: number
  /** Bytes of an element that is broadcast; 0 for none. */
  readonly element: number
  /** The range of an immediate. */
  readonly least: number
  readonly most: number
}

/** One way to encode an instruction, for one size of operands. */
export interface Form {
  readonly operands: readonly Pattern[]
  readonly prefix: 'none' | 'vex' | 'evex'
  /** The mandatory prefix: none, 66, F3, F2. */
  readonly pp: 0 | 1 | 2 | 3
  /** None, 0F, 0F38, 0F3A. */
  readonly map: 0 | 1 | 2 | 3
  readonly w: 0 | 1
  /** Length: 128, 256, 512 bits. */
  readonly l: 0 | 1 | 2
  readonly opcode: readonly number[]
  /** What stands in ModRM's reg field where no operand does. */
  readonly digit: number
  /** The register is in the opcode's lower bits. */
  readonly inOpcode: boolean
  /** Which operand stands where; -1 for none. `is4`: in the upper half of an immediate. */
  readonly reg: number
  readonly v: number
  readonly rm: number
  readonly is4: number
  readonly immediate: number
  readonly immediateBytes: 0 | 1 | 2 | 4 | 8
  /** Bytes that an EVEX displacement of 8 bits counts in. */
  readonly unit: number
  readonly mask: 'refused' | 'taken' | 'demanded'
  readonly zeroing: boolean
  /** A jump: to 8 bits away, or 32. */
  readonly relative: boolean
}

// ---- kinds of operands ----

type Kind =
  | 'r8'
  | 'r16'
  | 'r32'
  | 'r64'
  | 'xmm'
  | 'ymm'
  | 'zmm'
  | 'mask'
  | 'memory'
  | 'memory8'
  | 'memory16'
  | 'memory32'
  | 'memory64'
  | 'broadcast'
  | 'gatherX'
  | 'gatherY'
  | 'gatherZ'
  | 'immediate'
  | 'label'
  | 'cl'

/** A bit for each kind of operand. `memory` has no width of its own. */
export const kinds: Readonly<Record<Kind, number>> = {
  r8: 1,
  r16: 2,
  r32: 4,
  r64: 8,
  xmm: 16,
  ymm: 32,
  zmm: 64,
  mask: 128,
  memory: 256,
  memory8: 512,
  memory16: 1024,
  memory32: 2048,
  memory64: 4096,
  broadcast: 8192,
  gatherX: 1 << 14,
  gatherY: 1 << 15,
  gatherZ: 1 << 16,
  immediate: 1 << 17,
  label: 1 << 18,
  cl: 1 << 19,
}

const { memory, memory8, memory16, memory32, memory64 } = kinds
export const anyMemory: number = memory | memory8 | memory16 | memory32 | memory64

export const anyRegister: number =
  kinds.r8 | kinds.r16 | kinds.r32 | kinds.r64 | kinds.xmm | kinds.ymm | kinds.zmm | kinds.mask

/** Which kinds an operand is: one, or 0 where it is none. `cl` is one of its own and an `r8`. */
export function kindOf(operand: Operand): number {
  switch (operand.kind) {
    case 'memory':
      return memoryKind(operand)
    case 'immediate':
      return kinds.immediate
    case 'label':
      return kinds.label
    default:
      if (operand.file === 'mask') return kinds.mask
      if (operand.file === 'vector')
        return operand.width === 128
          ? kinds.xmm
          : operand.width === 256
            ? kinds.ymm
            : operand.width === 512
              ? kinds.zmm
              : 0
      if (operand.width === 32) return kinds.r32
      if (operand.width === 64) return kinds.r64
      if (operand.width === 8) return operand.number === 1 ? kinds.r8 | kinds.cl : kinds.r8
      return operand.width === 16 ? kinds.r16 : 0
  }
}
function memoryKind({ vectorIndex, broadcast, width }: Memory): number {
  if (vectorIndex !== undefined)
    return vectorIndex === 128 ? kinds.gatherX : vectorIndex === 256 ? kinds.gatherY : kinds.gatherZ
  if (broadcast === true) return kinds.broadcast
  if (width === undefined) return memory
  return width === 8 ? memory8 : width === 16 ? memory16 : width === 32 ? memory32 : memory64
}
