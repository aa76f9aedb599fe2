import type { Builder, Float, Int } from '../language/index.js'
import type { Pointer } from '../language/index.js'
import type { BlockFormat } from './format.js'

/** Reads numbers of a block at byte offsets. */
export class BlockReader {
  readonly #k: Builder
  readonly #at: Pointer<'u8'>

  constructor(k: Builder, at: Pointer<'u8'>) {
    this.#k = k
    this.#at = at
  }

  byte(offset: number): Int {
    return this.#k.loadScalar(this.#at.at(offset))
  }
  signedByte(offset: number): Int {
    return this.#k.loadScalar(this.#at.at(offset).as('i8'))
  }
  half(offset: number): Int {
    return this.#k.loadScalar(this.#at.at(offset).as('u16'))
  }
  /** What the half stands for. */
  float(offset: number): Float {
    return this.#k.loadScalar(this.#at.at(offset).as('f16'))
  }
  /** 32 bits: blocks have an even number of bytes, and are not further aligned. */
  word(offset: number): Int {
    return this.half(offset).or(this.half(offset + 2).shl(16))
  }
}

/** How a block of a GGUF file is read: what `Packing` needs of it. */
export interface BlockLayout {
  /** Weights of a block, and its bytes. */
  readonly weights: number
  readonly bytes: number
  /** Weights 4 q … 4 q + 3 of a group, as unsigned bytes of a word. */
  quad(block: BlockReader, group: number, q: number): Int
  /** Where the scale of the block stands, an f16. */
  readonly scaleAt: number
  /** Where what minima are multiplied with stands, and whether it is to be subtracted. */
  readonly minimumAt?: number
  readonly minimumNegative?: boolean
  /** The factors of a group. */
  factor?(block: BlockReader, group: number): Int
  minimumFactor?(block: BlockReader, group: number): Int
}

const nibbles = 0x0f0f0f0f

/** Of 32 weights in 4 bits: bytes hold weight i and, above, weight i + 16. */
function nibbleQuad(block: BlockReader, at: number, q: number): Int {
  const word = block.word(at + 4 * (q & 3))
  return (q < 4 ? word : word.ushr(4)).and(nibbles)
}

/** The fifth bits of 32 weights are those of a word: four of them as bit 4 of bytes. */
function fifthBits(block: BlockReader, at: number, q: number): Int {
  return block
    .word(at)
    .ushr(4 * q)
    .and(15)
    .mul(0x00204081)
    .and(0x01010101)
    .shl(4)
}

/** Blocks of 32 with an f16 as scale, and one as minimum where there is one. */
function small(bits: 4 | 5, minimum: boolean): BlockLayout {
  const head = minimum ? 4 : 2
  const at = bits === 5 ? head + 4 : head
  return {
    weights: 32,
    bytes: at + 16,
    scaleAt: 0,
    ...(minimum && { minimumAt: 2 }),
    quad: (block, _, q) => {
      const low = nibbleQuad(block, at, q)
      return bits === 5 ? low.or(fifthBits(block, head, q)) : low
    },
  }
}

/** The 6 bits of scales and minima of Q4_K and Q5_K: twelve bytes, eight of each. */
function sixBits(block: BlockReader, group: number, minimum: boolean): Int {
  const at = 4
  const shift = minimum ? 4 : 0
  if (group < 4) return block.byte(at + group + shift).and(63)
  const low = block.byte(at + group + 4)
  const high = block
    .byte(at + group - 4 + shift)
    .ushr(6)
    .shl(4)
  return (minimum ? low.ushr(4) : low.and(15)).or(high)
}

/** Blocks of 256 in groups of 32, two of which share bytes. */
function large(bits: 4 | 5): BlockLayout {
  const at = bits === 5 ? 48 : 16
  return {
    weights: 256,
    bytes: at + 128,
    scaleAt: 0,
    minimumAt: 2,
    minimumNegative: true,
    quad: (block, group, q) => {
      const word = block.word(at + 32 * (group >> 1) + 4 * q)
      const low = (group % 2 === 0 ? word : word.ushr(4)).and(nibbles)
      if (bits === 4) return low
      const high = block.word(16 + 4 * q)
      return low.or(high.ushr(group).and(0x01010101).shl(4))
    },
    factor: (block, group) => sixBits(block, group, false),
    minimumFactor: (block, group) => sixBits(block, group, true),
  }
}

/**
 * Where group g of 16 stands in blocks whose bytes hold weights that are 32 apart: which half of 128 weights,
 * which 32 of it, which 16 of those.
 */
function placeOf(group: number): readonly [half: number, column: number, first: number] {
  return [group >> 3, (group & 7) >> 1, 16 * (group & 1)]
}

/** Two bits of each weight, four weights a byte. */
function twoBits(block: BlockReader, at: number, group: number, q: number): Int {
  const [half, column, first] = placeOf(group)
  return block
    .word(at + 32 * half + first + 4 * q)
    .ushr(2 * column)
    .and(0x03030303)
}

/** What the 4 bits of IQ4_NL and IQ4_XS stand for, plus 128, four bytes a word. */
const nonLinear = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
function fromTable(nibble: Int): Int {
  const words = [0, 4, 8, 12].map((start) =>
    nonLinear.slice(start, start + 4).reduce((word, value, i) => word | ((value + 128) << (8 * i)), 0),
  )
  const [a, b, c, d] = words.map((word) => nibble.builder.int(word)) as [Int, Int, Int, Int]
  const high = nibble.ge(8)
  const odd = nibble.and(4).ne(0)
  const word = high.select(odd.select(d, c), odd.select(b, a))
  return word.ushr(nibble.and(3).shl(3)).and(255)
}
function tableQuad(nibbles: Int): Int {
  return [0, 1, 2, 3]
    .map((i) => fromTable(nibbles.ushr(8 * i).and(15)).shl(8 * i))
    .reduce((all, byte) => all.or(byte))
}

type Blocks = Exclude<BlockFormat, 'F16' | 'BF16'>

export const blockLayouts: Readonly<Record<Blocks, BlockLayout>> = {
  Q8_0: {
    weights: 32,
    bytes: 34,
    scaleAt: 0,
    quad: (block, _, q) => block.word(2 + 4 * q).xor(0x80808080 | 0),
  },
  Q4_0: small(4, false),
  Q4_1: small(4, true),
  Q5_0: small(5, false),
  Q5_1: small(5, true),
  Q4_K: large(4),
  Q5_K: large(5),
  Q2_K: {
    weights: 256,
    bytes: 84,
    scaleAt: 80,
    minimumAt: 82,
    minimumNegative: true,
    quad: (block, group, q) => twoBits(block, 16, group, q),
    factor: (block, group) => block.byte(group).and(15),
    minimumFactor: (block, group) => block.byte(group).ushr(4),
  },
  Q3_K: {
    weights: 256,
    bytes: 110,
    scaleAt: 108,
    quad: (block, group, q) => {
      const [half, column, first] = placeOf(group)
      const third = block
        .word(first + 4 * q)
        .ushr(4 * half + column)
        .and(0x01010101)
      return twoBits(block, 32, group, q).or(third.shl(2))
    },
    factor: (block, group) => {
      const low = block
        .byte(96 + (group & 7))
        .ushr(4 * (group >> 3))
        .and(15)
      const high = block
        .byte(104 + (group & 3))
        .ushr(2 * (group >> 2))
        .and(3)
      return low.or(high.shl(4)).sub(32)
    },
  },
  Q6_K: {
    weights: 256,
    bytes: 210,
    scaleAt: 208,
    quad: (block, group, q) => {
      const [half, column, first] = placeOf(group)
      const word = block.word(64 * half + 32 * (column & 1) + first + 4 * q)
      return (column < 2 ? word : word.ushr(4)).and(nibbles).or(twoBits(block, 128, group, q).shl(4))
    },
    factor: (block, group) => block.signedByte(192 + group),
  },
  IQ4_NL: {
    weights: 32,
    bytes: 18,
    scaleAt: 0,
    quad: (block, _, q) => tableQuad(nibbleQuad(block, 2, q)),
  },
  IQ4_XS: {
    weights: 256,
    bytes: 136,
    scaleAt: 0,
    quad: (block, group, q) => tableQuad(nibbleQuad(block, 8 + 16 * group, q)),
    factor: (block, group) => {
      const low = block.byte(4 + (group >> 1)).ushr(4 * (group & 1))
      const high = block.half(2).ushr(2 * group)
      return low.and(15).or(high.and(3).shl(4)).sub(32)
    },
  },
}

/** Weights of a block of a format, and its bytes. */
export function blockSize(format: BlockFormat): { readonly weights: number; readonly bytes: number } {
  return format === 'F16' || format === 'BF16' ? { weights: 1, bytes: 2 } : blockLayouts[format]
}
