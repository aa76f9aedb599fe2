import type { Builder, IntegerType, Int, Term } from '../language/index.js'
import type { Packing } from './format.js'

/** Quads of a group, and quads that share a word. */
export function quadsOf({ bits, group }: Packing): { readonly count: number; readonly parts: 1 | 2 } {
  return { count: group === 'column' ? 1 : group / 4, parts: bits === 8 ? 1 : 2 }
}

/**
 * Quad `part` × (half a group) + `word` of packed words, four numbers without sign in the bytes: see
 * `packedShape`. `high` is the word of the bits above the fourth.
 */
export function quadFrom<T extends IntegerType>(
  packing: Packing,
  base: Term<T>,
  high: Term<T> | undefined,
  word: number,
  part: number,
): Term<T> {
  if (packing.bits === 8) return base
  const low = (part === 0 ? base : base.ushr(4)).and(0x0f0f0f0f)
  if (high === undefined) return low
  const quad = word + (part * quadsOf(packing).count) / 2
  const more = packing.bits - 4
  const shift = more * quad - 4
  const placed = shift < 0 ? high.shl(-shift) : shift > 0 ? high.ushr(shift) : high
  return low.or(placed.and(more === 1 ? 0x10101010 : 0x30303030))
}

/** The reverse: the words of a group from its quads. */
export function wordsFrom(packing: Packing, quads: readonly Int[]): readonly Int[] {
  const { bits } = packing
  if (bits === 8) return quads
  const half = quads.length / 2
  const lower = (quad: Int): Int => (bits === 4 ? quad : quad.and(0x0f0f0f0f))
  const base = quads.slice(0, half).map((quad, w) => lower(quad).or(lower(quads[w + half]!).shl(4)))
  if (bits === 4) return base
  const mask = bits === 5 ? 0x01010101 : 0x03030303
  const high = quads.map((quad, w) =>
    quad
      .ushr(4)
      .and(mask)
      .shl((bits - 4) * w),
  )
  return [...base, high.reduce((all, bit) => all.or(bit))]
}

/** 0 … 255 − zero as a float, from byte `place` of a quad. */
export function byteOf(quad: Int, place: number, zero: number): Term<'f32'> {
  return quad
    .ushr(8 * place)
    .and(255)
    .sub(zero)
    .toFloat()
}

/** Pairs of shorts of a quad, as `dotShorts` takes them: its first and third byte, its second and fourth. */
export function pairsOf(quad: Term<'ivector'>): readonly [Term<'ivector'>, Term<'ivector'>] {
  return [quad.and(0x00ff00ff), quad.ushr(8).and(0x00ff00ff)]
}

/** Activations in that order: 0 2 1 3 of each four. */
export function pairOrder<T extends 'vector' | 'ivector'>(k: Builder, values: Term<T>): Term<T> {
  return k.shuffle('low', values, k.shuffle('highPairs', values, values))
}
