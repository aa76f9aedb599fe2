import { type Access, anyMemory, anyRegister, type Form, kinds, type Pattern } from './forms.js'

/**
 * Instructions as text, one string each: their forms, separated by `;`, each a way to encode them and the
 * operands that it takes. After the Software Developer's Manual's notation, folded over sizes.
 *
 *     'rw; ve 66.0F38.W0 98: V V V/m/b4'
 *
 * - First, what is done with the first operand where it is a register: `rw` read and written, `ro` read, else
 *   written.
 * - `v` VEX, `e` EVEX, `ve` both, nothing for neither; `v.y` only 256 bits, of x, y and z (128, 256 and 512).
 * - Mandatory prefix, opcode map and W. `W01` is 0 in VEX and 1 in EVEX.
 * - The opcode, with `/6` in ModRM's reg field or `+r` with a register in the opcode.
 * - `mr`, `rmv`: which operands are ModRM's reg, ModRM's r/m and VEX's v, where it is not the usual one.
 * - `-k` takes no mask, `+k` demands one. `N4`: an EVEX displacement counts 4 bytes, where memory is longer.
 * - Operands: `r8` … `r64`, `r` of 32 and 64 bits; `V` a whole vector, `H` `Q` `E` a half, quarter, eighth of
 *   one (at least xmm), `X` `Y` `Z` xmm, ymm, zmm; `k`; `/m` or memory as long, `/m32` or memory of 32 bits;
 *   `/b4` or one element of 4 bytes for all lanes; `M8` memory whose width has to be said; `any` memory of no
 *   width; `gV4` elements of 4 bytes at the addresses of a vector; `i8` `i32` `i64` immediates, `s32` one
 *   whose sign is extended, `u8` one whose is not; `one` 1; `cl`; `rel` a label.
 */
export type Table = Readonly<Record<string, string>>

/**
 * An instruction: the ways to encode it, the first that fits is taken; and what is done with its first
 * operand.
 */
export interface Entry {
  readonly first: Access
  readonly forms: readonly Form[]
}

/** Reads one of the table's strings. */
export function readInstruction(text: string): Entry {
  const parts = text.split(';').map((part) => part.trim())
  const stated = parts[0] === 'rw' ? 'readwrite' : parts[0] === 'ro' ? 'read' : undefined
  if (stated !== undefined) parts.shift()
  const forms: Form[] = []
  for (const part of parts) readForms(part, forms)
  const named = forms.some(({ operands }) => ((operands[0]?.accepts ?? 0) & anyRegister) !== 0)
  return { first: stated ?? (named ? 'write' : 'none'), forms }
}

// ---- forms ----

const mandatory: Readonly<Record<string, 1 | 2 | 3>> = { '66': 1, F3: 2, F2: 3 }
const maps: Readonly<Record<string, 1 | 2 | 3>> = { '0F': 1, '0F38': 2, '0F3A': 3 }
const lengths: Readonly<Record<string, number>> = { x: 128, y: 256, z: 512 }

/** What stands before the colon. */
interface Head {
  prefixes: readonly Form['prefix'][]
  /** Lengths that are said. */
  lengths: readonly number[] | undefined
  pp: Form['pp']
  map: Form['map']
  w: string
  opcode: number[]
  digit: number | undefined
  inOpcode: boolean
  layout: string | undefined
  mask: Form['mask']
  unit: number | undefined
}

function readHead(text: string): Head {
  const head: Head = {
    prefixes: ['none'],
    lengths: undefined,
    pp: 0,
    map: 0,
    w: '',
    opcode: [],
    digit: undefined,
    inOpcode: false,
    layout: undefined,
    mask: 'taken',
    unit: undefined,
  }
  const codes: string[] = []
  for (const word of text.split(' '))
    switch (word[0]) {
      case 'v':
      case 'e': {
        const [letters, only] = word.split('.')
        head.prefixes = [...letters!].map((letter) => (letter === 'v' ? 'vex' : 'evex'))
        if (only !== undefined) head.lengths = [...only].map((letter) => lengths[letter]!)
        break
      }
      case 'm':
      case 'r':
        head.layout = word
        break
      case '-':
      case '+':
        head.mask = word === '-k' ? 'refused' : 'demanded'
        break
      case 'N':
        head.unit = Number(word.slice(1))
        break
      default:
        codes.push(word)
    }
  const opcode = codes.pop()!
  for (const part of codes.pop()?.split('.') ?? []) {
    if (part in mandatory) head.pp = mandatory[part]!
    else if (part in maps) head.map = maps[part]!
    else head.w = part
  }
  const [bytes, digit] = opcode.split('/')
  if (digit !== undefined) head.digit = Number(digit)
  head.inOpcode = bytes!.endsWith('+r')
  for (let i = 0; i + 2 <= bytes!.length && bytes![i] !== '+'; i += 2)
    head.opcode.push(parseInt(bytes!.slice(i, i + 2), 16))
  return head
}

/** The forms of one part, an entry for each prefix, length and width of `r`. */
function readForms(text: string, forms: Form[]): void {
  const colon = text.indexOf(':')
  const head = readHead(text.slice(0, colon))
  const tokens = text.length > colon + 2 ? text.slice(colon + 2).split(' ') : []
  const widths =
    tokens.some((token) => token[0] === 'r' && isWhole(token, 1)) || tokens.includes('m') ? both : none
  const scales = tokens.some((token) => isFraction(token[0]) || isFraction(token[1]))
  const fixed = tokens.some((token) => token[0] === 'Z')
    ? 512
    : tokens.some((token) => token[0] === 'Y')
      ? 256
      : 128
  for (const prefix of head.prefixes)
    for (const length of head.lengths ??
      (!scales ? [fixed] : prefix === 'vex' ? [128, 256] : [128, 256, 512]))
      for (const general of widths) forms.push(makeForm(head, prefix, tokens, length, general))
}
const both = [32, 64]
const none = [0]
/** Whether a token, or its part before `/`, ends there. */
function isWhole(token: string, at: number): boolean {
  return token.length === at || token[at] === '/'
}
/** A vector whose length goes with the others'. */
function isFraction(letter: string | undefined): boolean {
  return letter === 'V' || letter === 'H' || letter === 'Q' || letter === 'E'
}

function makeForm(
  head: Head,
  prefix: Form['prefix'],
  tokens: readonly string[],
  length: number,
  general: number,
): Form {
  const evex = prefix === 'evex'
  const operands = tokens.map((token) => patternOf(token, length, general, evex))
  // Operands that stand in the code: immediates come behind, and `cl`, `one` and labels say nothing more.
  const places: number[] = []
  let immediate = -1
  operands.forEach(({ accepts }, i) => {
    if (accepts === kinds.immediate) immediate = tokens[i] === 'one' ? -1 : i
    else if (accepts !== kinds.cl && accepts !== kinds.label) places.push(i)
  })
  const layout =
    head.layout ?? layoutOf(places.length, head.digit !== undefined, (operands[0]?.memory ?? 0) > 0)
  const at = (letter: string): number => places[layout.indexOf(letter)] ?? -1
  const rm = at('m')
  const mask = evex ? head.mask : 'refused'
  const vectors = kinds.xmm | kinds.ymm | kinds.zmm
  return {
    operands,
    prefix,
    pp: head.pp,
    map: head.map,
    w: head.w === 'W1' || (evex && head.w === 'W01') || general === 64 ? 1 : 0,
    l: length === 512 ? 2 : length === 256 ? 1 : 0,
    opcode: head.opcode,
    digit: head.digit ?? 0,
    inOpcode: head.inOpcode,
    reg: at('r'),
    v: at('v'),
    rm,
    is4: at('4'),
    immediate,
    immediateBytes: immediate < 0 ? 0 : ((Number(tokens[immediate]!.slice(1)) / 8) as 1 | 2 | 4 | 8),
    unit: head.unit ?? (operands[rm]?.memory ?? 0) / 8,
    mask,
    zeroing: mask === 'taken' && ((operands[0]?.accepts ?? 0) & vectors) !== 0,
    relative: tokens[0] === 'rel',
  }
}

/** A letter for each operand in the code: r ModRM's reg, m its r/m, v VEX's, 4 an immediate's upper half. */
function layoutOf(count: number, digit: boolean, toMemory: boolean): string {
  if (count <= 1) return 'm'
  if (count === 2) return digit ? 'vm' : toMemory ? 'mr' : 'rm'
  if (count === 4) return 'rvm4'
  return toMemory ? 'mvr' : 'rvm'
}

// ---- operands ----

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
const saidKinds: Readonly<Record<number, number>> = {
  8: kinds.memory8,
  16: kinds.memory16,
  32: kinds.memory32,
  64: kinds.memory64,
}
const patterns = new Map<string, Pattern>()

/** The operand of a token, where vectors have `length` bits and `r` has `general`. EVEX alone broadcasts. */
function patternOf(token: string, length: number, general: number, broadcasts: boolean): Pattern {
  const key = `${token} ${length} ${general} ${broadcasts}`
  let pattern = patterns.get(key)
  if (pattern === undefined) patterns.set(key, (pattern = readPattern(token, length, general, broadcasts)))
  return pattern
}

function readPattern(token: string, length: number, general: number, broadcasts: boolean): Pattern {
  const [first, ...others] = token.split('/') as [string, ...string[]]
  let [accepts, bits, memory, element, least, most] = [0, 0, 0, 0, 0, 0]
  const takeMemory = (size: number): void => {
    memory = size
    accepts |= kinds.memory | (saidKinds[size] ?? 0)
  }
  const number = Number(first.slice(1))
  switch (first[0]) {
    case 'r':
      if (first === 'rel') accepts = kinds.label
      else {
        bits = first === 'r' ? general : number
        accepts = generalKinds[bits]!
      }
      break
    case 'k':
      accepts = kinds.mask
      break
    case 'c':
      accepts = kinds.cl
      break
    case 'a':
      accepts = anyMemory
      break
    case 'm':
      takeMemory(first === 'm' ? general : lengthOf(first[1]!, length) || number)
      break
    case 'M':
      memory = number
      accepts = saidKinds[number]!
      break
    case 'g':
      memory = 8 * Number(first.slice(2))
      accepts = gatherKinds[lengthOf(first[1]!, length)]!
      break
    case 'o':
      accepts = kinds.immediate
      least = most = 1
      break
    case 'i':
    case 's':
    case 'u':
      accepts = kinds.immediate
      ;[least, most] = rangeOf(first[0], number, general)
      break
    default:
      bits = lengthOf(first[0]!, length)
      accepts = vectorKinds[Math.max(bits, 128)]!
  }
  for (const other of others) {
    const size = Number(other.slice(1))
    if (other === 'm') takeMemory(bits)
    else if (other[0] === 'm') takeMemory(size)
    else if (other[0] === 'M') {
      memory = size
      accepts |= saidKinds[size]!
    } else if (broadcasts) {
      element = size
      accepts |= kinds.broadcast
    }
  }
  return { accepts, memory, element, least, most }
}

/** Bits of a vector or of its memory; 0 for what is no letter of one. */
function lengthOf(letter: string, length: number): number {
  switch (letter) {
    case 'V':
      return length
    case 'H':
      return length / 2
    case 'Q':
      return length / 4
    case 'E':
      return length / 8
    case 'X':
      return 128
    case 'Y':
      return 256
    case 'Z':
      return 512
    default:
      return 0
  }
}

/** An immediate's least and most. Where its sign isn't extended it may be written either way. */
function rangeOf(letter: string, bits: number, general: number): readonly [number, number] {
  if (bits === 64) return [-(2 ** 53), 2 ** 53]
  const extended = letter === 's' || (letter === 'i' && (bits === 8 || general === 64))
  return [-(2 ** (bits - 1)), extended ? 2 ** (bits - 1) - 1 : 2 ** bits - 1]
}
