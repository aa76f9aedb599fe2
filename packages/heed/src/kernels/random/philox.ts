import type { Int, IntVector, Term } from '../language/index.js'

const multiplier0 = 0xd2511f53
const multiplier1 = 0xcd9e8d57
const weyl0 = 0x9e3779b9
const weyl1 = 0xbb67ae85
const rounds = 10

/**
 * Philox4x32-10 in a kernel, a block in each lane. It gives the four output words of the counters (`counter`,
 * 0, 0, 0) under the key (`low`, `high`), bit for bit those of base's `philox` (Salmon et al. 2011).
 * `counter` is taken as unsigned.
 */
export function philoxVectors(counter: IntVector, low: Int, high: Int): readonly IntVector[] {
  const zero = counter.xor(counter)
  let [c0, c1, c2, c3] = [counter, zero, zero, zero]
  let [k0, k1]: Int[] = [low, high]
  for (let round = 0; round < rounds; round++) {
    const [high0, low0] = product(c0!, multiplier0)
    const [high1, low1] = product(c2!, multiplier1)
    ;[c0, c1, c2, c3] = [high1.xor(c1!).xor(k0!), low1, high0.xor(c3!).xor(k1!), low0]
    k0 = k0!.add(weyl0)
    k1 = k1!.add(weyl1)
  }
  return [c0!, c1!, c2!, c3!]
}

/**
 * The upper and the lower half of x × multiplier, both unsigned: four products of 16-bit halves, none of
 * which overflows.
 */
function product(x: Term<'ivector'>, multiplier: number): [high: IntVector, low: IntVector] {
  const [mLow, mHigh] = [multiplier & 0xffff, multiplier >>> 16]
  const [xLow, xHigh] = [x.and(0xffff), x.ushr(16)]
  const first = xLow.mul(mHigh).add(xLow.mul(mLow).ushr(16))
  const second = xHigh.mul(mLow).add(first.and(0xffff))
  return [xHigh.mul(mHigh).add(first.ushr(16)).add(second.ushr(16)), x.mul(multiplier)]
}
