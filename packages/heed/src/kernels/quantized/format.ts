import type { Machine } from '../language/index.js'

/**
 * How a matrix of weights is held in fewer bits than f32 has:
 * - `bf16`: the upper half of each f32, rounded to nearest.
 * - `int8`: whole numbers from −127 to 127 times a scale, one for each column.
 * - `int4`: whole numbers from −8 to 7 times a scale, one for each column and `groupDepth` rows, itself a
 *   bf16.
 */
export type WeightFormat = 'bf16' | 'int8' | 'int4'

export const weightFormats: readonly WeightFormat[] = ['bf16', 'int8', 'int4']

/** Elements along the summed axis that share a scale in `int4`. */
export const groupDepth = 32

/**
 * What is multiplied in one instruction; see `NarrowDot`. `floats` stands for bf16 weights widened to f32.
 */
export type Multiplication = 'bytes' | 'shorts' | 'halves' | 'floats'

/** What a format is multiplied with on a machine: by its own instruction, else by what every machine has. */
export function multiplicationFor(format: WeightFormat, { dots }: Machine): Multiplication {
  if (format === 'bf16') return dots.has('halves') ? 'halves' : 'floats'
  return dots.has('bytes') ? 'bytes' : 'shorts'
}

/** Weights in a word of 32 bits. */
export const perWord: Readonly<Record<WeightFormat, number>> = { bf16: 2, int8: 4, int4: 8 }

/** What 0 is stored as: integers are stored without sign. */
export const zeroOf: Readonly<Record<WeightFormat, number>> = { bf16: 0, int8: 128, int4: 8 }

/**
 * At which bit of its word the element at place j of 0 … perWord − 1 lies: so that masks and shifts alone
 * give what is multiplied.
 */
export function bitOf(format: WeightFormat, multiplication: Multiplication, j: number): number {
  const bits = 32 / perWord[format]
  if (multiplication === 'bytes') return 8 * (j & 3) + bits * (j >> 2)
  return 16 * (j & 1) + bits * (j >> 1)
}

/** Where the parts of a packed matrix lie. */
export interface PackedShape {
  /** Words of a column: its depth, filled up. */
  readonly words: number
  /** Groups of a column that have scales of their own. */
  readonly groups: number
  readonly panels: number
  /** From the start to the scales, in bytes. */
  readonly scalesAt: number
  readonly bytes: number
}

/**
 * Words stand in panels of as many columns as a vector has lanes: `[panel][word][lane]`; then scales,
 * `[panel][group][lane]`, f32 for `int8` and bf16 for `int4`. Columns and depth are filled up with 0.
 */
export function packedShape(
  format: WeightFormat,
  { lanes, floatBytes }: Machine,
  columns: number,
  depth: number,
): PackedShape {
  const panels = Math.ceil(columns / lanes)
  const groups = format === 'int4' ? Math.ceil(depth / groupDepth) : 1
  const words = format === 'int4' ? (groups * groupDepth) / perWord.int4 : Math.ceil(depth / perWord[format])
  const scalesAt = Math.ceil((panels * words * lanes * 4) / 64) * 64
  const scales = panels * groups * lanes
  const bytes = scalesAt + (format === 'bf16' ? 0 : scales * (format === 'int8' ? floatBytes : 2))
  return { words, groups, panels, scalesAt, bytes }
}
