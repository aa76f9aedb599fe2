import type { Machine } from '../language/index.js'

/**
 * How `quantize` holds a matrix of f32 in fewer bits:
 * - `bf16`: the upper half of each f32, rounded to nearest.
 * - `int8`: whole numbers from −127 to 127 times a scale, one for each column.
 * - `int4`: whole numbers from −8 to 7 times a scale, one for each column and `groupDepth` rows, itself a
 *   bf16.
 */
export type WeightFormat = 'bf16' | 'int8' | 'int4'

export const weightFormats: readonly WeightFormat[] = ['bf16', 'int8', 'int4']

/**
 * The number formats of GGUF files that are multiplied with as they are. Source: ggml's `ggml-common.h` and
 * `ggml-quants.c`.
 */
export type BlockFormat = (typeof blockFormats)[number]

export const blockFormats = [
  'F16',
  'BF16',
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'IQ4_NL',
  'IQ4_XS',
] as const

/** What packed weights can be held as. */
export type PackedFormat = WeightFormat | BlockFormat

/** Elements along the summed axis that share a scale in `int4`. */
export const groupDepth = 32

/**
 * What a packed weight is: `scale × (whole − zero) + minimum`, where `whole` has `bits` bits and no sign. Or
 * it is a float of 16 bits, which has no scale.
 *
 * A group of weights, one below the other in a column, has a scale, and a minimum where the format has one. A
 * scale is a number of its own, or one that several groups share times a whole factor of the group's own; so
 * are minima.
 */
export interface Packing {
  readonly bits: 4 | 5 | 6 | 8 | 16
  /** Of a whole column: 'column'. */
  readonly group: 16 | 32 | 'column'
  readonly zero: number
  /** What scales and minima are held as; 'f16' are f32 on machines that don't load f16. */
  readonly scale: 'none' | 'f32' | 'bf16' | 'f16'
  readonly minimum: boolean
  /** Bytes that scales, and minima, are multiplied with; `groups` groups share what is multiplied. */
  readonly factor?: { readonly groups: 8 | 16; readonly element: 'u8' | 'i8' }
  /** Of floats of 16 bits. */
  readonly float?: 'bf16' | 'f16'
}

const whole = (bits: Packing['bits'], zero: number): Packing => ({
  bits,
  group: 32,
  zero,
  scale: 'f16',
  minimum: zero === 0,
})
const float = (type: 'bf16' | 'f16'): Packing => ({
  bits: 16,
  group: 'column',
  zero: 0,
  scale: 'none',
  minimum: false,
  float: type,
})

/** Q2_K and Q3_K are held in 4 bits, and the two whose whole numbers come from a table in 8. */
export const packings: Readonly<Record<PackedFormat, Packing>> = {
  bf16: float('bf16'),
  int8: { bits: 8, group: 'column', zero: 128, scale: 'f32', minimum: false },
  int4: { bits: 4, group: groupDepth, zero: 8, scale: 'bf16', minimum: false },
  F16: float('f16'),
  BF16: float('bf16'),
  Q8_0: whole(8, 128),
  Q4_0: whole(4, 8),
  Q4_1: whole(4, 0),
  Q5_0: whole(5, 16),
  Q5_1: whole(5, 0),
  Q2_K: { ...whole(4, 0), group: 16, factor: { groups: 16, element: 'u8' } },
  Q3_K: { ...whole(4, 4), group: 16, factor: { groups: 16, element: 'i8' } },
  Q4_K: { ...whole(4, 0), factor: { groups: 8, element: 'u8' } },
  Q5_K: { ...whole(5, 0), factor: { groups: 8, element: 'u8' } },
  Q6_K: { ...whole(6, 32), group: 16, factor: { groups: 16, element: 'i8' } },
  IQ4_NL: whole(8, 128),
  IQ4_XS: { ...whole(8, 128), factor: { groups: 8, element: 'i8' } },
}

/**
 * What is multiplied in one instruction; see `NarrowDot`. `floats` stands for weights of 16 bits widened to
 * f32.
 */
export type Multiplication = 'bytes' | 'shorts' | 'halves' | 'floats'

/**
 * What a format is multiplied with on a machine: by its own instruction, else by what every machine has.
 * Weights of a file that are floats meet the activations as they are.
 */
export function multiplicationFor(format: PackedFormat, { dots }: Machine): Multiplication {
  const { bits } = packings[format]
  if (format === 'bf16' && dots.has('halves')) return 'halves'
  if (bits === 16) return 'floats'
  return dots.has('bytes') || (bits < 8 && dots.has('sevenBits')) ? 'bytes' : 'shorts'
}

/** Where the parts of a packed matrix lie. */
export interface PackedShape {
  /** Words of a column: its depth, filled up. */
  readonly words: number
  /** Bytes of a word: 2 for f16, else 4. */
  readonly wordBytes: 2 | 4
  /** Words of a group; of formats without groups 1. */
  readonly groupWords: number
  /** Groups of a column that have scales of their own. */
  readonly groups: number
  /** Scales of a column. */
  readonly scales: number
  readonly panels: number
  /** Elements of a column, filled up to whole words or groups. */
  readonly pitch: number
  /** From the start to the scales, and to the factors, in bytes. */
  readonly scalesAt: number
  readonly factorsAt: number
  readonly bytes: number
}

/** What scales are on a machine. */
export function scaleElement({ scale }: Packing, { loadsF16 }: Machine): 'f32' | 'bf16' | 'f16' {
  return scale === 'none' || (scale === 'f16' && loadsF16 !== true) ? 'f32' : scale
}

/**
 * Words stand in panels of as many columns as a vector has lanes: `[panel][word][lane]`. Then scales,
 * `[panel][group][lane]`, then factors, likewise; where there are minima, those of a group stand behind its
 * scales (factors). Columns are filled up with what isn't looked at, depth with 0.
 *
 * Four neighbours of a column, a `quad`, are a word's four bytes. Of fewer bits there are two such words in
 * one: in the lower halves of the bytes quad w of the group, in the upper ones that which is half a group
 * further on. Bits above the fourth stand in a word of their own behind: those of quad w shifted by w (times
 * their number).
 */
export function packedShape(
  format: PackedFormat,
  machine: Machine,
  columns: number,
  depth: number,
): PackedShape {
  const { lanes, floatBytes } = machine
  const packing = packings[format]
  const { bits, group, minimum, factor, float } = packing
  const panels = Math.ceil(columns / lanes)
  const groups = group === 'column' ? 1 : Math.ceil(depth / group)
  const groupWords = group === 'column' ? 1 : (group * bits) / 32
  const wordBytes = float === 'f16' ? 2 : 4
  const perWord = (8 * wordBytes) / bits
  const words = group === 'column' ? Math.ceil(depth / perWord) : groups * groupWords
  const align = (bytes: number): number => Math.ceil(bytes / 64) * 64
  const scalesAt = align(panels * words * lanes * wordBytes)
  const scales = packing.scale === 'none' ? 0 : factor ? Math.ceil(groups / factor.groups) : groups
  const each = panels * lanes * (minimum ? 2 : 1)
  const scaleBytes = scaleElement(packing, machine) === 'f32' ? floatBytes : 2
  const scalesEnd = scalesAt + each * scales * scaleBytes
  const factorsAt = factor ? align(scalesEnd) : scalesEnd
  return {
    words,
    wordBytes,
    groupWords,
    groups,
    scales,
    panels,
    pitch: group === 'column' ? words * perWord : groups * group,
    scalesAt,
    factorsAt,
    bytes: factorsAt + (factor ? each * groups : 0),
  }
}
