import type { IntVector, Term, TermWriter, Vector } from './term.js'

/** What sums of pairs are written with. */
interface PairWriter extends TermWriter {
  dotShorts(sum: IntVector, a: IntVector, b: IntVector): IntVector
}

/** `dotBytes` by `dotShorts`: bytes 0 and 2 are one pair, 1 and 3 the other. */
export function dotBytesByShorts(k: PairWriter, sum: IntVector, a: IntVector, b: IntVector): IntVector {
  const even = pair(b.shl(24).shr(24), b.shl(8).shr(24))
  const odd = pair(b.shl(16).shr(24), b.shr(24))
  return k.dotShorts(k.dotShorts(sum, a.and(0xff00ff), even), a.ushr(8).and(0xff00ff), odd)
}

function pair(low: Term<'ivector'>, high: Term<'ivector'>): IntVector {
  return low.and(0xffff).or(high.shl(16))
}

/** `dotHalves` by multiply-adds: a bf16 number is the upper half of a float. */
export function dotHalvesByFloats(sum: Vector, a: IntVector, b: IntVector): Vector {
  const upper = upperHalf(a).fma(upperHalf(b), sum)
  return lowerHalf(a).fma(lowerHalf(b), upper)
}

function upperHalf(halves: IntVector): Vector {
  return halves.and(-0x10000).fromBits()
}
function lowerHalf(halves: IntVector): Vector {
  return halves.shl(16).fromBits()
}
