import { TargetError } from '../../base/index.js'
import { describeForm, describeOperands } from './describe.js'
import { type Form, kindOf } from './forms.js'
import { instructionNamed } from './instructions.js'
import type { Immediate, MachineInstruction, Memory, Operand, Register } from './operand.js'

const mostOperands = 5
/** Room for the longest instruction. */
const mostBytes = 16
const found = new Int32Array(mostOperands)

/** The way in which an instruction is encoded: the first of its forms that fits. */
export function formOf(instruction: MachineInstruction): Form {
  const { name, operands, mask } = instruction
  const entry = instructionNamed(name)
  if (entry === undefined)
    throw failure(name, 'an instruction of the table', 'none of that name', 'add it to the table')
  let high = false
  for (let i = 0; i < operands.length && i < mostOperands; i++) {
    const operand = operands[i]!
    found[i] = kindOf(operand)
    high ||= isHigh(operand)
  }
  for (const form of entry.forms) if (fits(form, operands, mask, high)) return form
  throw failure(
    name,
    [...new Set(entry.forms.map(describeForm))].join(' or '),
    describeOperands(instruction),
    'this is a bug in whoever emits it',
  )
}

/** Vector registers from 16 on have numbers that only EVEX can write. */
function isHigh(operand: Operand): boolean {
  if (operand.kind === 'register') return operand.file === 'vector' && operand.number >= 16
  return operand.kind === 'memory' && operand.vectorIndex !== undefined && operand.index! >= 16
}

function fits(form: Form, operands: readonly Operand[], mask: number | undefined, high: boolean): boolean {
  const patterns = form.operands
  if (patterns.length !== operands.length) return false
  if (high && form.prefix !== 'evex') return false
  if (form.mask === (mask === undefined ? 'demanded' : 'refused')) return false
  for (let i = 0; i < patterns.length; i++) if ((patterns[i]!.accepts & found[i]!) === 0) return false
  for (let i = 0; i < patterns.length; i++) {
    const operand = operands[i]!
    if (operand.kind !== 'immediate') continue
    const { least, most } = patterns[i]!
    if (!Number.isInteger(operand.value) || operand.value < least || operand.value > most) return false
  }
  return true
}

/**
 * Writes instructions as bytes, one behind the other.
 *
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: prefixes, ModRM and SIB in section
 * 2.1, REX in 2.2, VEX in 2.3, EVEX in 2.7.
 */
export class Encoder {
  bytes: Uint8Array = new Uint8Array(4096)
  length = 0
  /** Where the last instruction wants the distance to a constant; -1 where it doesn't. */
  constantAt = -1

  write(instruction: MachineInstruction, form: Form): void {
    check(instruction, form)
    if (this.bytes.length - this.length < mostBytes) {
      const larger = new Uint8Array(2 * this.bytes.length)
      larger.set(this.bytes)
      this.bytes = larger
    }
    this.constantAt = -1
    const { operands } = instruction
    const reg = form.reg < 0 ? form.digit : (operands[form.reg] as Register).number
    const rm = form.rm < 0 ? undefined : (operands[form.rm] as Register | Memory)
    const v = form.v < 0 ? 0 : (operands[form.v] as Register).number
    if (form.prefix === 'none') this.#legacy(operands, form, reg, rm)
    else if (form.prefix === 'vex') this.#vex(form, reg, v, rm)
    else this.#evex(instruction, form, reg, v, rm)
    if (rm !== undefined && !form.inOpcode) {
      const unit = form.prefix !== 'evex' ? 1 : isBroadcast(rm) ? form.operands[form.rm]!.element : form.unit
      this.#address(reg & 7, rm, unit)
    }
    if (form.is4 >= 0) this.#byte((operands[form.is4] as Register).number << 4)
    if (form.immediate >= 0) this.#integer((operands[form.immediate] as Immediate).value, form.immediateBytes)
  }

  #byte(value: number): void {
    this.bytes[this.length++] = value
  }
  #integer(value: number, bytes: number): void {
    const low = value | 0
    for (let i = 0; i < bytes && i < 4; i++) this.#byte(low >> (8 * i))
    if (bytes < 8) return
    const high = Math.floor(value / 2 ** 32)
    for (let i = 0; i < 4; i++) this.#byte(high >> (8 * i))
  }

  #legacy(operands: readonly Operand[], form: Form, reg: number, rm: Register | Memory | undefined): void {
    if (form.pp === 1) this.#byte(0x66)
    else if (form.pp > 0) this.#byte(form.pp === 2 ? 0xf3 : 0xf2)
    const extended = form.reg < 0 ? 0 : reg >> 3
    const rex = (form.w << 3) | (extended << 2) | (indexBit(rm) << 1) | baseBit(rm)
    if (rex !== 0 || operands.some(isLowByte)) this.#byte(0x40 | rex)
    if (form.map > 0) this.#byte(0x0f)
    if (form.map > 1) this.#byte(form.map === 2 ? 0x38 : 0x3a)
    const { opcode } = form
    for (let i = 0; i < opcode.length; i++) this.#byte(opcode[i]!)
    if (form.inOpcode) this.bytes[this.length - 1]! += (rm as Register).number & 7
  }

  #vex(form: Form, reg: number, v: number, rm: Register | Memory | undefined): void {
    const [r, x, b] = [(reg >> 3) & 1, indexBit(rm), baseBit(rm)]
    const last = ((~v & 15) << 3) | (form.l << 2) | form.pp
    if (form.map === 1 && form.w === 0 && x === 0 && b === 0) {
      this.#byte(0xc5)
      this.#byte(((r ^ 1) << 7) | last)
    } else {
      this.#byte(0xc4)
      this.#byte(((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | form.map)
      this.#byte((form.w << 7) | last)
    }
    this.#byte(form.opcode[0]!)
  }

  #evex(
    { mask = 0, zeroing = false }: MachineInstruction,
    form: Form,
    reg: number,
    v: number,
    rm: Register | Memory | undefined,
  ): void {
    let [x, v4] = [indexBit(rm), v >> 4]
    // A register's fifth bit stands where memory has its index's fourth; a vector index keeps its fifth in
    // v's place.
    if (rm?.kind === 'register') x = rm.number >> 4
    else if (rm?.vectorIndex !== undefined) v4 = rm.index! >> 4
    const [r, b] = [(reg >> 3) & 1, baseBit(rm)]
    this.#byte(0x62)
    this.#byte(((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | (((reg >> 4) ^ 1) << 4) | form.map)
    this.#byte((form.w << 7) | ((~v & 15) << 3) | 4 | form.pp)
    const broadcast = rm !== undefined && isBroadcast(rm) ? 1 : 0
    this.#byte((zeroing ? 0x80 : 0) | (form.l << 5) | (broadcast << 4) | ((v4 ^ 1) << 3) | mask)
    this.#byte(form.opcode[0]!)
  }

  /** ModRM, SIB and displacement; a displacement of 8 bits counts `unit` bytes. */
  #address(reg: number, rm: Register | Memory, unit: number): void {
    if (rm.kind === 'register') return this.#byte(0xc0 | (reg << 3) | (rm.number & 7))
    if (rm.constant !== undefined) {
      this.#byte((reg << 3) | 5)
      this.constantAt = this.length
      return this.#integer(0, 4)
    }
    const { base, index, displacement = 0 } = rm
    const scale = rm.scale === 8 ? 3 : rm.scale === 4 ? 2 : rm.scale === 2 ? 1 : 0
    // 4 in ModRM's r/m calls for SIB, and in SIB's index stands for none; 5 in SIB's base without mode stands
    // for none.
    const sib = (scale << 6) | (((index ?? 4) & 7) << 3)
    if (base === undefined) {
      this.#byte((reg << 3) | 4)
      this.#byte(sib | 5)
      return this.#integer(displacement, 4)
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
      this.#byte(sib | (base & 7))
    }
    if (mode === 1) this.#byte(short)
    else if (mode === 2) this.#integer(displacement, 4)
  }
}

function isBroadcast(rm: Register | Memory): boolean {
  return rm.kind === 'memory' && rm.broadcast === true
}
/** spl, bpl, sil, dil: ah … bh without a REX prefix. */
function isLowByte(operand: Operand): boolean {
  return operand.kind === 'register' && operand.width === 8 && operand.number >= 4 && operand.number < 8
}
function baseBit(rm: Register | Memory | undefined): number {
  if (rm === undefined) return 0
  return ((rm.kind === 'register' ? rm.number : (rm.base ?? 0)) >> 3) & 1
}
function indexBit(rm: Register | Memory | undefined): number {
  return rm === undefined || rm.kind === 'register' ? 0 : ((rm.index ?? 0) >> 3) & 1
}

// ---- what the form doesn't say ----

const fileSizes = { general: 16, vector: 32, mask: 8 } as const

function check({ name, operands, mask, zeroing = false }: MachineInstruction, form: Form): void {
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i]!
    if (operand.kind === 'register') checkNumber(name, operand.file, operand.number)
    else if (operand.kind === 'memory') checkMemory(name, operand)
  }
  if (mask === undefined) {
    if (!zeroing) return
    throw failure(name, 'a mask with zeroing', 'zeroing alone', 'give the mask, or leave zeroing out')
  }
  checkNumber(name, 'mask', mask)
  if (mask === 0) throw failure(name, 'k1 to k7 as a mask', 'k0', 'k0 stands for no mask: leave it out')
  if (zeroing && (!form.zeroing || operands[0]!.kind === 'memory'))
    throw failure(name, 'a mask that merges', 'zeroing', 'only vector registers have lanes zeroed')
}
function checkNumber(name: string, file: keyof typeof fileSizes, number: number): void {
  if (Number.isInteger(number) && number >= 0 && number < fileSizes[file]) return
  throw failure(
    name,
    `${file} register 0 to ${fileSizes[file] - 1}`,
    String(number),
    'virtual registers are for the allocator: give it the instruction first',
  )
}
function checkMemory(name: string, memory: Memory): void {
  const { base, index, displacement = 0, constant, scale = 1 } = memory
  if (constant !== undefined) {
    if (base !== undefined || index !== undefined || displacement !== 0)
      throw failure(name, 'a constant alone', 'a constant with registers or a displacement', 'lea it first')
    if (!Number.isInteger(constant) || constant < 0)
      throw failure(name, 'an offset into the pool', String(constant), 'ask `constant` for one')
    return
  }
  if (base !== undefined) checkNumber(name, 'general', base)
  if (index !== undefined) {
    checkNumber(name, memory.vectorIndex === undefined ? 'general' : 'vector', index)
    if (index === 4 && memory.vectorIndex === undefined)
      throw failure(name, 'an index other than rsp', 'rsp', 'make it the base, or copy it')
    if (scale !== 1 && scale !== 2 && scale !== 4 && scale !== 8)
      throw failure(name, 'a scale of 1, 2, 4 or 8', String(scale), 'multiply the index first')
  } else if (memory.vectorIndex !== undefined)
    throw failure(name, 'a vector index', 'none', 'give the register of `vectorIndex`')
  if (displacement !== (displacement | 0))
    throw failure(name, 'a displacement of 32 bits', String(displacement), 'add it to the base first')
}

export function failure(name: string, expected: string, found: string, hint: string): TargetError {
  return new TargetError({ operation: `x64: ${name}`, expected, found, hint })
}
