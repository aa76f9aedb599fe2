/**
 * The register files that kernels use: general purpose (rax … r15), vector (xmm, ymm, zmm 0 … 31), mask (k0 …
 * k7).
 */
export type RegisterFile = 'general' | 'vector' | 'mask'

/**
 * Bits of a register that an instruction reads or writes. Masks have 64, and their instructions say how many
 * count.
 */
export type Width = 8 | 16 | 32 | 64 | 128 | 256 | 512

/**
 * A register, by the number that the processor gives it: rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi
 * 7, r8 … r15; vectors 0 … 31; masks 0 … 7.
 */
export interface Register {
  readonly kind: 'register'
  readonly file: RegisterFile
  readonly width: Width
  readonly number: number
}

/**
 * [base + index × scale + displacement], or a constant of the constant pool, addressed from the instruction
 * pointer.
 */
export interface Memory {
  readonly kind: 'memory'
  /** A general register's number; absent where `constant` is given. */
  readonly base?: number
  /** A general register's number (not rsp), or a vector register's where `vectorIndex` is set (gathers). */
  readonly index?: number
  readonly scale?: 1 | 2 | 4 | 8
  /** Width of the vector register in `index`. */
  readonly vectorIndex?: 128 | 256 | 512
  /** Signed 32 bits. */
  readonly displacement?: number
  /** Byte offset into the constant pool that follows the code. */
  readonly constant?: number
  /** EVEX: one element, in each lane. */
  readonly broadcast?: boolean
  /** Bits that are read or written, where the other operands leave it open: `movzx r32, m8`. */
  readonly width?: 8 | 16 | 32 | 64
}

export interface Immediate {
  readonly kind: 'immediate'
  /** Signed 32 bits; `mov r64, imm` takes up to 2⁵³ either way. */
  readonly value: number
}

/** A place in the code, by number; `Assembler.label()` makes one and `place` puts it. */
export interface Label {
  readonly kind: 'label'
  readonly label: number
}

export type Operand = Register | Memory | Immediate | Label

/** One machine instruction. Operands in Intel order: what is written first. */
export interface MachineInstruction {
  /** Intel's mnemonic, in lower case. */
  readonly name: string
  readonly operands: readonly Operand[]
  /** EVEX: the mask register (k1 … k7) that says which lanes are written. */
  readonly mask?: number
  /** EVEX: lanes outside the mask become 0 instead of keeping what they had. */
  readonly zeroing?: boolean
}
