import type { Table } from './table.js'

/** The lengths of mask registers: 8, 16, 32, 64 bits. */
const sizes = [
  ['b', '66.0F', 'W0'],
  ['w', '0F', 'W0'],
  ['d', '66.0F', 'W1'],
  ['q', '0F', 'W1'],
] as const

function logic(name: string, opcode: string): Table {
  // Three operands: VEX says a length of 256.
  return Object.fromEntries(
    sizes.map(([letter, code, w]) => [`k${name}${letter}`, `v.y ${code}.${w} ${opcode}: k k k`]),
  )
}
function single(name: string, opcode: string, access: string): Table {
  return Object.fromEntries(
    sizes.map(([letter, code, w]) => [`k${name}${letter}`, `${access}v ${code}.${w} ${opcode}: k k`]),
  )
}
function shift(name: string, low: number): Table {
  return Object.fromEntries(
    sizes.map(([letter, , w], i) => [
      `kshift${name}${letter}`,
      // 8 and 32 bits have W 0, 16 and 64 have W 1.
      `v 66.0F3A.${i % 2 === 0 ? 'W0' : 'W1'} ${(low + (w === 'W1' ? 1 : 0)).toString(16)}: k k u8`,
    ]),
  )
}

/** Instructions of the mask registers. */
export function maskInstructions(): Table {
  return {
    kmovb: 'v 66.0F.W0 90: k k/m8; v 66.0F.W0 91: m8 k; v 66.0F.W0 92: k r32; v 66.0F.W0 93: r32 k',
    kmovw: 'v 0F.W0 90: k k/m16; v 0F.W0 91: m16 k; v 0F.W0 92: k r32; v 0F.W0 93: r32 k',
    kmovd: 'v 66.0F.W1 90: k k/m32; v 66.0F.W1 91: m32 k; v F2.0F.W0 92: k r32; v F2.0F.W0 93: r32 k',
    kmovq: 'v 0F.W1 90: k k/m64; v 0F.W1 91: m64 k; v F2.0F.W1 92: k r64; v F2.0F.W1 93: r64 k',
    ...logic('and', '41'),
    ...logic('andn', '42'),
    ...logic('or', '45'),
    ...logic('xnor', '46'),
    ...logic('xor', '47'),
    ...logic('add', '4A'),
    ...single('not', '44', ''),
    ...single('ortest', '98', 'ro; '),
    ...single('test', '99', 'ro; '),
    ...shift('l', 0x32),
    ...shift('r', 0x30),
    kunpckbw: 'v.y 66.0F.W0 4B: k k k',
    kunpckwd: 'v.y 0F.W0 4B: k k k',
    kunpckdq: 'v.y 0F.W1 4B: k k k',
    vpmovm2b: 'e F3.0F38.W0 28 -k: V k',
    vpmovm2d: 'e F3.0F38.W0 38 -k: V k',
    vpmovb2m: 'e F3.0F38.W0 29 -k: k V',
    vpmovd2m: 'e F3.0F38.W0 39 -k: k V',
  }
}
