import { TargetError } from '../../base/index.js'
import { type Form, type GeneralForm, letterOf, needsEvex, type VectorForm } from './forms.js'
import { instructionNamed } from './instructions.js'
import type { Immediate, Label, MachineInstruction, Memory, Operand, Register } from './operand.js'

/** One instruction as it was assembled, or the place of a label. */
export type Listed =
  | { readonly offset: number; readonly bytes: number; readonly instruction: MachineInstruction }
  | { readonly offset: number; readonly label: number }

/** Lengths 1 … 9, as Intel recommends them. */
const nops: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
]

/**
 * Turns machine instructions into bytes, with their constants behind them.
 *
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: prefixes, ModRM and SIB in chapter 2.
 */
export class Assembler {
  #bytes = new Uint8Array(4096)
  #length = 0
  readonly #labels: number[] = []
  /** 32-bit fields that wait: at `at`, for a label or a constant, counted from `next`. */
  #settled = 0
  readonly #references: { at: number; next: number; label?: number; constant?: number }[] = []
  #pool = new Uint8Array(0)
  readonly #constants = new Map<string, number>()
  readonly #listing: Listed[] = []

  label(): Label {
    return { kind: 'label', label: this.#labels.push(-1) - 1 }
  }
  place({ label }: Label): void {
    this.#labels[label] = this.#length
    this.#listing.push({ offset: this.#length, label })
  }
  align(bytes: number): void {
    let left = (bytes - (this.#length % bytes)) % bytes
    while (left > 0) {
      const size = Math.min(9, left)
      for (const byte of nops[size - 1]!) this.#byte(byte)
      left -= size
    }
  }
  /** The offset of a constant in the pool; equal ones share a place. */
  constant(bytes: Uint8Array, alignment: number): number {
    const key = bytes.join()
    let place = this.#constants.get(key)
    if (place === undefined) {
      place = Math.ceil(this.#pool.length / alignment) * alignment
      const pool = new Uint8Array(place + bytes.length)
      pool.set(this.#pool)
      pool.set(bytes, place)
      this.#pool = pool
      this.#constants.set(key, place)
    }
    return place
  }
  /** The constants, as they follow the code. */
  get pool(): Uint8Array {
    return this.#pool
  }
  get listing(): readonly Listed[] {
    return this.#listing
  }

  emit(instruction: MachineInstruction): void {
    const offset = this.#length
    const form = choose(instruction)
    if (form.prefix === 'none') this.#general(instruction, form)
    else if (form.prefix === 'vex') this.#vex(instruction, form)
    else this.#evex(instruction, form)
    for (; this.#settled < this.#references.length; this.#settled++)
      this.#references[this.#settled]!.next = this.#length
    this.#listing.push({ offset, bytes: this.#length - offset, instruction })
  }

  /** Code and constants; the constants start at a multiple of 64. */
  finish(): Uint8Array {
    const poolAt = Math.ceil(this.#length / 64) * 64
    const result = new Uint8Array(poolAt + this.#pool.length).fill(0xcc)
    result.set(this.#bytes.subarray(0, this.#length))
    result.set(this.#pool, poolAt)
    const view = new DataView(result.buffer)
    for (const { at, next, label, constant } of this.#references) {
      const target = label === undefined ? poolAt + constant! : this.#labels[label]!
      if (target < 0) throw failure('label', 'a label that is placed', `label ${label} without a place`)
      view.setInt32(at, target - next, true)
    }
    return result
  }

  #byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#length++] = value
  }
  #integer(value: number, bytes: number): void {
    for (let i = 0; i < Math.min(bytes, 4); i++) this.#byte((value >> (8 * i)) & 255)
    if (bytes === 8) {
      const high = Math.floor(value / 2 ** 32)
      for (let i = 0; i < 4; i++) this.#byte((high >> (8 * i)) & 255)
    }
  }
  #reference(target: { label?: number; constant?: number }): void {
    this.#references.push({ at: this.#length, next: -1, ...target })
    this.#integer(0, 4)
  }

  #general({ name, operands }: MachineInstruction, form: GeneralForm): void {
    const [first, second] = operands
    if (form.layout === 'fixed') {
      const back = first?.kind === 'label' ? this.#labels[first.label]! - (this.#length + 2) : 0
      if (back < 0 && back >= -128 && this.#labels[(first as Label).label]! >= 0) {
        // The short form, to a label that is placed already.
        this.#byte(form.opcode.length === 1 ? 0xeb : form.opcode[1]! - 0x10)
        this.#byte(back & 255)
        return
      }
      for (const byte of form.opcode) this.#byte(byte)
      if (first?.kind === 'label') this.#reference({ label: first.label })
      return
    }
    let reg: number | undefined
    let rm: Register | Memory
    if (form.layout === 'rm') [reg, rm] = [(first as Register).number, second as Register | Memory]
    else if (form.layout === 'mr') [reg, rm] = [(second as Register).number, first as Register | Memory]
    else [reg, rm] = [form.digit, first as Register | Memory]
    if (form.short) this.#byte(0x66)
    let opcode = form.opcode
    if (opcode[0] === 0xf3 && opcode.length === 3) {
      this.#byte(0xf3)
      opcode = opcode.slice(1)
    }
    const [b, x] = rm.kind === 'register' ? [rm.number >> 3, 0] : [(rm.base ?? 0) >> 3, (rm.index ?? 0) >> 3]
    const opcodeRegister = form.layout === 'o'
    const extended = form.layout === 'm' || opcodeRegister ? 0 : reg >> 3
    const low = operands.some(
      (operand) => operand.kind === 'register' && operand.width === 8 && operand.number >= 4,
    )
    const wide = form.wide && name !== 'push' && name !== 'pop' ? 8 : 0
    const rex = wide | (extended << 2) | (x << 1) | b
    if (rex !== 0 || low) this.#byte(0x40 | rex)
    for (let i = 0; i < opcode.length - 1; i++) this.#byte(opcode[i]!)
    const last = opcode[opcode.length - 1]!
    if (opcodeRegister) this.#byte(last + ((rm as Register).number & 7))
    else {
      this.#byte(last)
      this.#modrm(reg & 7, rm, 1)
    }
    if (form.immediate > 0) this.#integer((operands[operands.length - 1] as Immediate).value, form.immediate)
  }

  /** Which operands stand for ModRM's fields and for the further register. */
  #fields(
    { operands }: MachineInstruction,
    form: VectorForm,
  ): { reg: number; v: number; rm: Register | Memory; upper?: number } {
    const [a, b, c, d] = operands as readonly Register[]
    const memory = operands as readonly (Register | Memory)[]
    switch (form.layout) {
      case 'rm':
        return { reg: a!.number, v: 0, rm: memory[1]! }
      case 'mr':
        return { reg: b!.number, v: 0, rm: memory[0]! }
      case 'rvm':
        return { reg: a!.number, v: b!.number, rm: memory[2]! }
      case 'rmv':
        return { reg: a!.number, v: c!.number, rm: memory[1]! }
      case 'vm':
        return { reg: form.digit, v: a!.number, rm: memory[1]! }
      case 'mvr':
        return { reg: c!.number, v: b!.number, rm: memory[0]! }
      case 'rvm4':
        return { reg: a!.number, v: b!.number, rm: memory[2]!, upper: d!.number }
      default:
        return { reg: form.digit, v: 0, rm: memory[0]! }
    }
  }

  #vex(instruction: MachineInstruction, form: VectorForm): void {
    if (form.layout === 'none') {
      this.#byte(0xc5)
      this.#byte(0x80 | 0x78 | form.pp)
      this.#byte(form.opcode)
      return
    }
    const { operands } = instruction
    const { reg, v, rm, upper } = this.#fields(instruction, form)
    const [first] = operands
    const masks =
      operands.length > 1 &&
      operands.every(({ kind }) => kind === 'register') &&
      first?.kind === 'register' &&
      first.file === 'mask'
    const length = masks ? (form.layout === 'rvm' ? 1 : 0) : widthOf(operands) === 256 ? 1 : 0
    const [b, x] = rm.kind === 'register' ? [rm.number >> 3, 0] : [(rm.base ?? 0) >> 3, (rm.index ?? 0) >> 3]
    const r = reg >> 3
    const last = ((~v & 15) << 3) | (length << 2) | form.pp
    if (form.map === 1 && form.w === 0 && b === 0 && x === 0) {
      this.#byte(0xc5)
      this.#byte(((r << 7) ^ 0x80) | last)
    } else {
      this.#byte(0xc4)
      this.#byte((((r << 7) | (x << 6) | (b << 5)) ^ 0xe0) | form.map)
      this.#byte((form.w << 7) | last)
    }
    this.#byte(form.opcode)
    this.#modrm(reg & 7, rm, 1)
    if (upper !== undefined) this.#byte(upper << 4)
    this.#immediate(operands)
  }

  #evex(instruction: MachineInstruction, form: VectorForm): void {
    const { operands, mask = 0, zeroing = false } = instruction
    const { reg, v, rm } = this.#fields(instruction, form)
    const width = widthOf(operands)
    const broadcast = rm.kind === 'memory' && rm.broadcast === true
    let [b, x, v4] = [0, 0, v >> 4]
    if (rm.kind === 'register') [b, x] = [(rm.number >> 3) & 1, rm.number >> 4]
    else {
      ;[b, x] = [(rm.base ?? 0) >> 3, ((rm.index ?? 0) >> 3) & 1]
      if (rm.vectorIndex !== undefined) v4 = rm.index! >> 4
    }
    this.#byte(0x62)
    this.#byte((((((reg >> 3) & 1) << 7) | (x << 6) | (b << 5) | ((reg >> 4) << 4)) ^ 0xf0) | form.map)
    this.#byte((form.w << 7) | ((~v & 15) << 3) | 4 | form.pp)
    const length = width === 512 ? 2 : width === 256 ? 1 : 0
    this.#byte(((zeroing ? 1 : 0) << 7) | (length << 5) | ((broadcast ? 1 : 0) << 4) | ((v4 ^ 1) << 3) | mask)
    this.#byte(form.opcode)
    this.#modrm(reg & 7, rm, broadcast ? form.element : tupleBytes(form, width))
    this.#immediate(operands)
  }

  #immediate(operands: readonly Operand[]): void {
    const last = operands[operands.length - 1]
    if (last?.kind === 'immediate') this.#byte(last.value & 255)
  }

  /** ModRM, SIB and displacement; a displacement of 8 bits counts in `unit` bytes. */
  #modrm(reg: number, rm: Register | Memory, unit: number): void {
    if (rm.kind === 'register') {
      this.#byte(0xc0 | (reg << 3) | (rm.number & 7))
      return
    }
    if (rm.constant !== undefined) {
      this.#byte((reg << 3) | 5)
      this.#reference({ constant: rm.constant })
      return
    }
    const { base, index, scale = 1, displacement = 0 } = rm
    if (!Number.isInteger(displacement) || displacement !== (displacement | 0))
      throw failure('address', 'a displacement of 32 bits', String(displacement))
    if (index === 4 && rm.vectorIndex === undefined)
      throw failure('address', 'an index other than rsp', 'rsp')
    const scaleBits = { 1: 0, 2: 1, 4: 2, 8: 3 }[scale] << 6
    if (base === undefined) {
      this.#byte((reg << 3) | 4)
      this.#byte(scaleBits | (((index ?? 4) & 7) << 3) | 5)
      this.#integer(displacement, 4)
      return
    }
    const short = displacement / unit
    const mode =
      displacement === 0 && (base & 7) !== 5
        ? 0
        : Number.isInteger(short) && short >= -128 && short < 128
          ? 1
          : 2
    if (index === undefined && (base & 7) !== 4) this.#byte((mode << 6) | (reg << 3) | (base & 7))
    else {
      this.#byte((mode << 6) | (reg << 3) | 4)
      this.#byte(scaleBits | (((index ?? 4) & 7) << 3) | (base & 7))
    }
    if (mode === 1) this.#byte(short & 255)
    else if (mode === 2) this.#integer(displacement, 4)
  }
}

/** Bits of the widest vector register. */
function widthOf(operands: readonly Operand[]): number {
  let width = 128
  for (const operand of operands)
    if (operand.kind === 'register' && operand.file === 'vector' && operand.width > width)
      width = operand.width
  return width
}

function tupleBytes({ tuple }: VectorForm, width: number): number {
  if (typeof tuple === 'number') return tuple
  return width / 8 / { full: 1, vector: 1, half: 2, quarter: 4 }[tuple]
}

function choose(instruction: MachineInstruction): Form {
  const { name, operands, mask } = instruction
  const entry = instructionNamed(name)
  if (entry !== undefined && mask !== 0) {
    const evex = needsEvex(instruction)
    for (const form of entry.forms)
      if ((form.prefix !== 'vex' || !evex) && fits(form, operands, evex)) return form
  }
  throw failure(
    name,
    entry === undefined ? 'a known instruction' : 'operands that it takes',
    operands.map((operand) => letterOf(operand)).join(' ') + (mask === 0 ? ' under k0' : ''),
  )
}

function fits(form: Form, operands: readonly Operand[], evex: boolean): boolean {
  if (form.operands.length !== operands.length) return false
  if (evex && form.prefix === 'none') return false
  for (let i = 0; i < operands.length; i++) {
    const [operand, wanted] = [operands[i]!, form.operands[i]!]
    if (wanted.length > 1 && wanted[0] === 'm' && wanted[1]! <= '9') {
      if (operand.kind !== 'memory' || operand.width !== Number(wanted.slice(1))) return false
    } else if (!wanted.includes(letterOf(operand))) return false
    if (operand.kind === 'immediate' && form.prefix === 'none') {
      const { value } = operand
      if (form.immediate === 1 && (value < -128 || value > 127)) return false
      if (form.immediate === 4 && (value < -(2 ** 31) || value >= 2 ** 31)) return false
    }
  }
  return true
}

function failure(name: string, expected: string, found: string): TargetError {
  return new TargetError({
    operation: `x64: ${name}`,
    expected,
    found,
    hint: 'this is a bug in heed',
  })
}
