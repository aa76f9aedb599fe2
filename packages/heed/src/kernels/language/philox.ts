import type { IntegerType, Term } from './term.js'

const multiplier0 = 0xd2511f53
const multiplier1 = 0xcd9e8d57
const weyl0 = 0x9e3779b9
const weyl1 = 0xbb67ae85
const rounds = 10

/**
 * Philox4x32-10 in a kernel, a block in each lane. It gives the four output words of a counter of four words
 * under a key of two, bit for bit those of base's `philox` (Salmon et al. 2011).
 */
export function philoxWords<T extends IntegerType, K extends 'i32' | T>(
  counter: readonly Term<T>[],
  key: readonly Term<K>[],
): readonly Term<T>[] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < rounds; round++) {
    const [high0, low0] = product(c0!, multiplier0)
    const [high1, low1] = product(c2!, multiplier1)
    ;[c0, c1, c2, c3] = [high1.xor(c1!).xor(k0 as never), low1, high0.xor(c3!).xor(k1 as never), low0]
    k0 = k0!.add(weyl0 as never)
    k1 = k1!.add(weyl1 as never)
  }
  return [c0!, c1!, c2!, c3!]
}

/**
 * The upper and the lower half of x × multiplier, both unsigned: four products of 16-bit halves, none of
 * which overflows.
 */
function product<T extends IntegerType>(x: Term<T>, multiplier: number): [high: Term<T>, low: Term<T>] {
  const [mLow, mHigh] = [multiplier & 0xffff, multiplier >>> 16]
  const [xLow, xHigh] = [x.and(0xffff), x.ushr(16)]
  const first = xLow.mul(mHigh).add(xLow.mul(mLow).ushr(16))
  const second = xHigh.mul(mLow).add(first.and(0xffff))
  return [xHigh.mul(mHigh).add(first.ushr(16)).add(second.ushr(16)), x.mul(multiplier)]
}
