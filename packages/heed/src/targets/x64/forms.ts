import type { Memory, Operand } from './operand.js'

/**
 * Instructions as text, one string each: their forms, separated by `;`, each a way to encode them and the operands that
 * it takes. After the Software Developer's Manual's notation, folded over sizes.
 *
 *     'rw; ve 66.0F38.W0 98: V V V/m/b4'
 *
 * - First, what is done with the first operand where it is a register: `rw` read and written, `ro` read, else written.
 * - `v` VEX, `e` EVEX, `ve` both, nothing for neither; `v.y` only 256 bits, of x, y and z (128, 256 and 512).
 * - Mandatory prefix, opcode map and W. `W01` is 0 in VEX and 1 in EVEX.
 * - The opcode, with `/6` in ModRM's reg field or `+r` with a register in the opcode.
 * - `mr`, `rmv`: which operands are ModRM's reg, ModRM's r/m and VEX's v, where it is not the usual one.
 * - `-k` takes no mask, `+k` demands one. `N4`: an EVEX displacement counts 4 bytes, where memory is longer.
 * - Operands: `r8` … `r64`, `r` of 32 and 64 bits; `V` a whole vector, `H` `Q` `E` a half, quarter, eighth of one (at least
 *   xmm), `X` `Y` `Z` xmm, ymm, zmm; `k`; `/m` or memory as long, `/m32` or memory of 32 bits; `/b4` or one element of 4
 *   bytes for all lanes; `M8` memory whose width has to be said; `any` memory of no width; `gV4` elements of 4 bytes at
 *   the addresses of a vector; `i8` `i32` `i64` immediates that keep their sign, `u8` either way; `one` 1; `cl`; `rel` a label.
 */
export type Table = Readonly<Record<string, string>>

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

// ---- from text ----

const vectorKinds: Readonly<Record<number, number>> = { 128: kinds.xmm, 256: kinds.ymm, 512: kinds.zmm }
const gatherKinds: Readonly<Record<number, number>> = {
  128: kinds.gatherX,
  256: kinds.gatherY,
  512: kinds.gatherZ,
}
const generalKinds: Readonly<Record<number, number>> = {
  8: kinds.r8,
  16: kinds.r16,
  32: kinds.r32,
  64: kinds.r64,
}
const saidKinds: Readonly<Record<number, number>> = { 8: memory8, 16: memory16, 32: memory32, 64: memory64 }
const fractions: Readonly<Record<string, number>> = { V: 1, H: 2, Q: 4, E: 8 }
const fixedVectors: Readonly<Record<string, number>> = { X: 128, Y: 256, Z: 512 }
const lengths: Readonly<Record<string, number>> = { x: 128, y: 256, z: 512 }
const mandatory: Readonly<Record<string, 1 | 2 | 3>> = { '66': 1, F3: 2, F2: 3 }
const maps: Readonly<Record<string, 1 | 2 | 3>> = { '0F': 1, '0F38': 2, '0F3A': 3 }

/** The operand of a token, where vectors have `length` bits and `r` has `general`. EVEX alone broadcasts. */
function patternOf(token: string, length: number, general: number, broadcasts: boolean): Pattern {
  const [head, ...others] = token.split('/')
  let [accepts, bits, memoryBits, element] = [0, 0, 0, 0]
  let [least, most] = [0, 0]
  const takeMemory = (size: number): void => {
    memoryBits = size
    accepts |= memory | (saidKinds[size] ?? 0)
  }
  const vector = /^([VHQEXYZ])$/.exec(head!)
  const number = Number(/\d+$/.exec(head!)?.[0] ?? 0)
  if (vector !== null) {
    bits = fixedVectors[head!] ?? length / fractions[head!]!
    accepts = vectorKinds[Math.max(bits, 128)]!
  } else if (head === 'r' || /^r\d+$/.test(head!)) {
    bits = head === 'r' ? general : number
    accepts = generalKinds[bits]!
  } else if (head === 'k') accepts = kinds.mask
  else if (head === 'cl') accepts = kinds.cl
  else if (head === 'rel') accepts = kinds.label
  else if (head === 'one') [accepts, least, most] = [kinds.immediate, 1, 1]
  else if (head === 'any') accepts = anyMemory
  else if (head!.startsWith('M')) [accepts, memoryBits] = [saidKinds[number]!, number]
  else if (head === 'm') takeMemory(general)
  else if (/^m[VHQE]$/.test(head!)) takeMemory(length / fractions[head![1]!]!)
  else if (head!.startsWith('m')) takeMemory(number)
  else if (head!.startsWith('g')) {
    accepts = gatherKinds[fixedVectors[head![1]!] ?? length / fractions[head![1]!]!]!
    memoryBits = 8 * number
  } else {
    accepts = kinds.immediate
    ;[least, most] = rangeOf(head!, number, general)
  }
  for (const other of others)
    if (other === 'm') takeMemory(bits)
    else if (other.startsWith('M'))
      [accepts, memoryBits] = [accepts | saidKinds[Number(other.slice(1))]!, Number(other.slice(1))]
    else if (other.startsWith('m')) takeMemory(Number(other.slice(1)))
    else if (broadcasts) [accepts, element] = [accepts | kinds.broadcast, Number(other.slice(1))]
  return { accepts, memory: memoryBits, element, least, most }
}
function rangeOf(token: string, bits: number, general: number): [number, number] {
  if (bits === 64) return [-(2 ** 53), 2 ** 53]
  // One byte is written either way; 32 bits are the same signed or not where no more are meant.
  if (token.startsWith('u')) return [-(2 ** (bits - 1)), 2 ** bits - 1]
  return [
    -(2 ** (bits - 1)),
    bits === 8 || general === 64 || token.startsWith('s') ? 2 ** (bits - 1) - 1 : 2 ** bits - 1,
  ]
}

/** The forms of an instruction and what is done with its first operand. */
export function parseInstruction(text: string): { readonly first: Access; readonly forms: readonly Form[] } {
  const parts = text.split(';').map((part) => part.trim())
  const stated = parts[0] === 'rw' ? 'readwrite' : parts[0] === 'ro' ? 'read' : undefined
  if (stated !== undefined) parts.shift()
  const forms = parts.flatMap(parseForm)
  const first = stated ?? (/^[^:]*:\s*($|rel|any|g)/.test(parts[0]!) ? 'none' : 'write')
  return { first, forms }
}

function parseForm(text: string): Form[] {
  const [head, tail] = text.split(':') as [string, string]
  const operands = tail.trim() === '' ? [] : tail.trim().split(/\s+/)
  const words = head.trim().split(/\s+/)
  const [, letters = '', only] = /^(v|e|ve)(?:\.([xyz]+))?$/.exec(words[0]!) ?? []
  if (letters !== '') words.shift()
  const isOpcode = (word: string | undefined): boolean => /^[0-9A-F]+(\/\d|\+r)?$/.test(word ?? '')
  const prefix = letters !== '' || isOpcode(words[1]) ? words.shift()!.split('.') : []
  const opcode = words.shift()!
  const widths = operands.some((token) => /^[rm](\/|$)/.test(token)) ? [32, 64] : [0]
  const forms: Form[] = []
  for (const letter of letters === '' ? ['none'] : letters)
    for (const length of lengthsOf(operands, letter, only))
      for (const general of widths)
        forms.push(formOf(letter, prefix, opcode, words, operands, length, general))
  return forms
}

function lengthsOf(operands: readonly string[], letter: string, only: string | undefined): readonly number[] {
  if (only !== undefined) return [...only].map((name) => lengths[name]!)
  if (operands.some((token) => /^(m|g)?[VHQE]/.test(token)))
    return letter === 'v' ? [128, 256] : [128, 256, 512]
  return [
    operands.some((token) => token.startsWith('Z'))
      ? 512
      : operands.some((token) => token.startsWith('Y'))
        ? 256
        : 128,
  ]
}

function formOf(
  letter: string,
  prefix: readonly string[],
  opcode: string,
  words: readonly string[],
  tokens: readonly string[],
  length: number,
  general: number,
): Form {
  const evex = letter === 'e'
  const operands = tokens.map((token) => patternOf(token, length, general, evex))
  const immediate = operands.findIndex(({ accepts }) => accepts === kinds.immediate)
  const [, bytes, digit, inOpcode] = /^([0-9A-F]+)(?:\/(\d)|(\+r))?$/.exec(opcode)!
  // Operands that stand in the code; immediates come behind, and `cl`, 1 and labels say nothing more.
  const places = operands.flatMap(({ accepts }, i) =>
    (accepts & (kinds.immediate | kinds.cl | kinds.label)) === 0 ? [i] : [],
  )
  const layout = layoutOf(words, places.length, digit !== undefined, operands)
  const at = (letter: string): number => places[layout.indexOf(letter)] ?? -1
  const rm = operands[at('m')]
  const unit = Number(words.find((word) => /^N\d/.test(word))?.slice(1) ?? (rm?.memory ?? 0) / 8)
  const first = operands[0]?.accepts ?? 0
  const immediateToken = immediate < 0 ? '' : tokens[immediate]!
  const mask = !evex || words.includes('-k') ? 'refused' : words.includes('+k') ? 'demanded' : 'taken'
  return {
    operands,
    prefix: letter === 'none' ? 'none' : evex ? 'evex' : 'vex',
    pp: mandatory[prefix.find((part) => part in mandatory) ?? ''] ?? 0,
    map: maps[prefix.find((part) => part in maps) ?? ''] ?? 0,
    w: prefix.includes('W1') || (evex && prefix.includes('W01')) || general === 64 ? 1 : 0,
    l: length === 512 ? 2 : length === 256 ? 1 : 0,
    opcode: bytes!.match(/../g)!.map((byte) => parseInt(byte, 16)),
    digit: Number(digit ?? 0),
    inOpcode: inOpcode !== undefined,
    reg: at('r'),
    v: at('v'),
    rm: at('m'),
    is4: at('4'),
    immediate: immediateToken === 'one' ? -1 : immediate,
    immediateBytes:
      immediateToken === 'one' || immediate < 0
        ? 0
        : ((Number(immediateToken.slice(1)) / 8) as 1 | 2 | 4 | 8),
    unit,
    mask,
    zeroing: mask === 'taken' && (first & (kinds.xmm | kinds.ymm | kinds.zmm)) !== 0,
    relative: tokens[0] === 'rel',
  }
}

/** A letter for each operand in the code: r ModRM's reg, m its r/m, v VEX's, 4 an immediate's upper half. */
function layoutOf(
  words: readonly string[],
  count: number,
  digit: boolean,
  operands: readonly Pattern[],
): string {
  const said = words.find((word) => word === 'mr' || word === 'rm' || word === 'rmv')
  if (said !== undefined) return said
  const toMemory = operands[0] !== undefined && operands[0].memory > 0
  if (count <= 1) return 'm'
  if (count === 2) return digit ? 'vm' : toMemory ? 'mr' : 'rm'
  if (count === 4) return 'rvm4'
  return toMemory ? 'mvr' : 'rvm'
}
