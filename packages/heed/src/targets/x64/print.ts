import type { Assembler } from './assembler.js'
import { generalName, registerName } from './describe.js'
import { formOf } from './encode.js'
import type { Form, Pattern } from './forms.js'
import type { Immediate, MachineInstruction, Memory, Operand } from './operand.js'

/** How labels and constants are written. */
export interface Naming {
  readonly label: (label: number) => string
  readonly constant: (offset: number, instruction: MachineInstruction, form: Form) => string
}

const plainNaming: Naming = {
  label: (label) => `L${label}`,
  constant: (offset) => `[constant ${offset}]`,
}

/**
 * An instruction in Intel's syntax, as `objdump -d -M intel` writes it; labels are `L3` and constants
 * `[constant 64]`.
 *
 * @throws TargetError for operands that the instruction doesn't take
 */
export function formatInstruction(instruction: MachineInstruction, naming: Naming = plainNaming): string {
  const { name, operands, mask, zeroing } = instruction
  const form = formOf(instruction)
  const alias = predicateAlias(instruction, form)
  const shown = alias === undefined ? operands : operands.slice(0, -1)
  const texts = shown.map((operand, i) => formatOperand(operand, i, instruction, form, naming))
  if (mask !== undefined) texts[0] += `{k${mask}}${zeroing === true ? '{z}' : ''}`
  const mnemonic = alias ?? (form.immediateBytes === 8 ? 'movabs' : name)
  return texts.length === 0 ? mnemonic : `${mnemonic} ${texts.join(',')}`
}

function formatOperand(
  operand: Operand,
  i: number,
  instruction: MachineInstruction,
  form: Form,
  naming: Naming,
): string {
  switch (operand.kind) {
    case 'register':
      return registerName(operand)
    case 'label':
      return naming.label(operand.label)
    case 'immediate':
      return formatImmediate(operand, instruction, form)
    case 'memory': {
      const place =
        operand.constant === undefined
          ? formatAddress(operand)
          : naming.constant(operand.constant, instruction, form)
      return formatWidth(instruction.name, form.operands[i]!, operand) + place
    }
  }
}

const widthNames: Readonly<Record<number, string>> = {
  8: 'BYTE',
  16: 'WORD',
  32: 'DWORD',
  64: 'QWORD',
  128: 'XMMWORD',
  256: 'YMMWORD',
  512: 'ZMMWORD',
}

function formatWidth(name: string, { memory, element }: Pattern, operand: Memory): string {
  if (operand.broadcast === true) return `${widthNames[8 * element]!} BCST `
  if (memory > 0) return `${widthNames[memory]!} PTR `
  return name.startsWith('prefetch') ? 'BYTE PTR ' : ''
}

function formatAddress({ base, index, scale = 1, displacement = 0, vectorIndex }: Memory): string {
  const parts: string[] = []
  if (base !== undefined) parts.push(generalName(base, 64))
  if (index !== undefined) {
    const name =
      vectorIndex === undefined
        ? generalName(index, 64)
        : registerName({ kind: 'register', file: 'vector', width: vectorIndex, number: index })
    parts.push(`${name}*${scale}`)
  }
  if (parts.length === 0) return `ds:${hexadecimal(displacement, 64)}`
  const sum = parts.join('+')
  // Where nothing else needs a displacement of 0, it isn't written; without a base it always is.
  if (displacement === 0)
    return base === undefined ? `[${sum}+0x0]` : `[${sum}${isHidden(base) ? '' : '+0x0'}]`
  return `[${sum}${displacement < 0 ? '-' : '+'}0x${Math.abs(displacement).toString(16)}]`
}
/** rbp and r13 as a base can't do without a displacement, so it is written though it is 0. */
function isHidden(base: number): boolean {
  return (base & 7) !== 5
}

function hexadecimal(value: number, bits: number): string {
  return `0x${BigInt.asUintN(bits, BigInt(value)).toString(16)}`
}

/** Extended to the width of what it meets; alone a byte. */
function formatImmediate({ value }: Immediate, { operands, name }: MachineInstruction, form: Form): string {
  if (form.immediate < 0) return String(value)
  if (form.prefix !== 'none' || shiftsAndTests.has(name)) return hexadecimal(value, 8)
  const first = operands[0]!
  const bits = first.kind === 'register' ? first.width : form.operands[0]!.memory
  return hexadecimal(value, bits)
}
const shiftsAndTests: ReadonlySet<string> = new Set(['rol', 'ror', 'shl', 'shr', 'sar', 'bt'])

// ---- comparisons by name ----

const floatPredicates =
  'eq lt le unord neq nlt nle ord eq_uq nge ngt false neq_oq ge gt true ' +
  'eq_os lt_oq le_oq unord_s neq_us nlt_uq nle_uq ord_s eq_us nge_uq ngt_uq false_os neq_os ge_oq gt_oq true_us'
const integerPredicates = 'eq lt le - neq nlt nle'

/** Comparisons name their predicate where it has a name: `vcmpltps`. */
function predicateAlias({ name, operands }: MachineInstruction, form: Form): string | undefined {
  const parts = /^(vp?cmp)(ps|pd|ss|sd|u?[bwd])$/.exec(name)
  if (parts === null) return undefined
  const predicates = parts[1] === 'vcmp' ? floatPredicates : integerPredicates
  const predicate = predicates.split(' ')[(operands[form.immediate] as Immediate).value & 255]
  return predicate !== undefined && predicate !== '-' ? `${parts[1]}${predicate}${parts[2]}` : undefined
}

// ---- for people ----

/** All that was assembled: offsets, labels on lines of their own, and what the constants are. */
export function printListing(assembler: Assembler): string {
  const view = new DataView(assembler.pool.buffer, assembler.pool.byteOffset, assembler.pool.byteLength)
  const naming: Naming = {
    label: plainNaming.label,
    constant: (offset, instruction, form) =>
      `[constant ${offset}: ${formatConstant(view, offset, instruction, form)}]`,
  }
  const lines = assembler.listing.map((listed) => {
    if ('label' in listed) return `L${listed.label}:`
    const offset = listed.offset.toString(16).padStart(5)
    if ('multiple' in listed) return listed.bytes === 0 ? undefined : `${offset}  align ${listed.multiple}`
    return `${offset}  ${formatInstruction(listed.instruction, naming).replaceAll(',', ', ')}`
  })
  return `${lines.filter((line) => line !== undefined).join('\n')}\n`
}

/** Whose last letters stand for signed doublewords: `vpminsd`, `vpcmpd`. */
const wholeNumbers = /^vp(min|max|abs|cmp)/

/** A constant's lanes; lanes that are all the same once, with their number. */
function formatConstant(
  view: DataView,
  offset: number,
  { name, operands }: MachineInstruction,
  form: Form,
): string {
  const { memory, element } = form.operands[form.rm]!
  const isBroadcast = (operands[form.rm] as Memory).broadcast === true
  const bytes = isBroadcast ? element : memory / 8
  const double = (/[ps]d$/.test(name) && !wholeNumbers.test(name)) || (isBroadcast && element === 8)
  const size = Math.min(double ? 8 : 4, bytes)
  const lanes: string[] = []
  for (let at = offset; at < offset + bytes && at + size <= view.byteLength; at += size)
    lanes.push(formatLane(view, at, size, double, /[ps]s$/.test(name)))
  if (lanes.length > 1 && lanes.every((lane) => lane === lanes[0])) return `${lanes[0]!} × ${lanes.length}`
  return lanes.length > 8 ? `${lanes.slice(0, 8).join(' ')} …` : lanes.join(' ')
}
function formatLane(view: DataView, at: number, size: number, double: boolean, float: boolean): string {
  if (double) return String(view.getFloat64(at, true))
  if (size < 4) return String(size === 2 ? view.getInt16(at, true) : view.getInt8(at))
  const bits = view.getInt32(at, true)
  const value = view.getFloat32(at, true)
  if (float && Number.isFinite(value) && (value === 0 || Math.abs(value) > 1e-30)) return shortest(value)
  return Math.abs(bits) < 2 ** 20 ? String(bits) : hexadecimal(bits, 32)
}
/** As few digits as make the same f32. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === value) return String(rounded)
  }
  return String(value)
}
