/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC
 * 2011). A number is a pure function of a key and an index. So any element of any stream can be computed
 * alone, in any order, on any number of threads, in a kernel as well as here.
 *
 * Layout, which every implementation of heed's randomness keeps to:
 *
 *     key      two 32-bit words: word 0 is the low half, word 1 the high half
 *     counter  four 32-bit words for element i:
 *              word 0   floor(i / 4), its low 32 bits
 *              word 1   floor(i / 4), the bits above
 *              word 2   0; integerAt counts its rejected attempts here
 *              word 3   0 for elements; foldIn has 1 (whole number), 2 (length of a string), 3 (its text),
 *                       pairBitsAt 4
 *     bits     element i is output word i mod 4 of that counter
 *     uniform  (bits >>> 8) / 2^24: 24 bits, from 0 up to but without 1, exact in f32
 *     normal   Box and Muller on the bits of elements 2j and 2j + 1:
 *              radius = sqrt(-2 ln((bits[2j] + 1/2) / 2^32)), angle = 2 pi bits[2j + 1] / 2^32,
 *              element 2j is radius × cos(angle), element 2j + 1 radius × sin(angle), in f64, rounded to f32
 *
 * Bits, uniforms and integers are the same on every machine. Normals are the same as far as the engine's
 * Math.log, Math.sin and Math.cos are.
 */
import { inWords } from './check.js'
import { UsageError } from './errors.js'

/** The key of one stream of random numbers: two unsigned 32-bit words. */
export type RandomKey = readonly [low: number, high: number]

const multiplier0 = 0xd2511f53
const multiplier1 = 0xcd9e8d57
const weyl0 = 0x9e3779b9
const weyl1 = 0xbb67ae85
const rounds = 10

/** The four words that `block` computed last. */
const output = new Uint32Array(4)

/** Philox4x32-10 of one counter, into `output`. Products of 32 × 32 bits go by halves of 16 bits. */
function block(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  for (let round = 0; round < rounds; round++) {
    const a = c0 & 0xffff
    const b = c0 >>> 16
    const ab = (Math.imul(0xd251, a) + (Math.imul(0x1f53, a) >>> 16)) | 0
    const ba = (Math.imul(0x1f53, b) + (ab & 0xffff)) | 0
    const high0 = Math.imul(0xd251, b) + (ab >>> 16) + (ba >>> 16)
    const c = c2 & 0xffff
    const d = c2 >>> 16
    const cd = (Math.imul(0xcd9e, c) + (Math.imul(0x8d57, c) >>> 16)) | 0
    const dc = (Math.imul(0x8d57, d) + (cd & 0xffff)) | 0
    const high1 = Math.imul(0xcd9e, d) + (cd >>> 16) + (dc >>> 16)
    const low0 = Math.imul(multiplier0, c0)
    const low1 = Math.imul(multiplier1, c2)
    c0 = high1 ^ c1 ^ k0
    c1 = low1
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = (k0 + weyl0) | 0
    k1 = (k1 + weyl1) | 0
  }
  output[0] = c0
  output[1] = c1
  output[2] = c2
  output[3] = c3
}

/** Philox4x32-10: four words of 32 bits for a counter of four words under a key of two. */
export function philox(
  counter: readonly [number, number, number, number],
  key: RandomKey,
): [number, number, number, number] {
  block(counter[0], counter[1], counter[2], counter[3], key[0], key[1])
  return [output[0]!, output[1]!, output[2]!, output[3]!]
}

/**
 * The key for a seed, followed down a path of names and numbers: `randomKey(1, 'dropout', step)`. Different
 * paths give streams that have nothing to do with one another.
 *
 * @param seed a whole number from 0 to 2^53 - 1
 * @throws UsageError for any other seed, or a number in the path that isn't whole
 */
export function randomKey(seed: number, ...path: readonly (string | number)[]): RandomKey {
  checkWhole('randomKey', 'a seed', seed)
  let key: RandomKey = [seed >>> 0, Math.floor(seed / 2 ** 32)]
  for (const part of path) key = foldIn(key, part)
  return key
}

/**
 * A new key from a key and a name or whole number: words 0 and 1 of Philox.
 *
 * - A number takes one step. Its counter is (low 32 bits, the bits above, 0, 1).
 * - A string first takes a step for its length, with the counter (length, 0, 0, 2). Then it takes one for
 *   every six UTF-16 code units, two to a word, the first one low: (word, word, word, 3).
 *
 * Each step is under the key that the step before gave.
 */
export function foldIn(key: RandomKey, part: string | number): RandomKey {
  checkKey('foldIn', key)
  if (typeof part === 'number') {
    checkWhole('foldIn', 'a string or a number', part)
    return step(key, part >>> 0, Math.floor(part / 2 ** 32), 0, 1)
  }
  if (typeof part !== 'string')
    throw new UsageError({
      operation: 'foldIn',
      expected: 'names and whole numbers',
      found: inWords(part),
      hint: "write randomKey(seed, 'dropout', step)",
    })
  let folded = step(key, part.length, 0, 0, 2)
  const word = (at: number): number => unit(part, at) | (unit(part, at + 1) << 16)
  for (let i = 0; i < part.length; i += 6) folded = step(folded, word(i), word(i + 2), word(i + 4), 3)
  return folded
}

/** @throws UsageError unless it is a key */
export function checkKey(operation: string, key: unknown): void {
  const words = Array.isArray(key) && key.length === 2 ? (key as readonly unknown[]) : []
  if (words.length > 0 && words.every((word) => typeof word === 'number' && word >>> 0 === word)) return
  throw new UsageError({
    operation,
    expected: 'a key of random numbers',
    found: inWords(key),
    hint: 'make one with randomKey(seed)',
  })
}

function step(key: RandomKey, c0: number, c1: number, c2: number, c3: number): RandomKey {
  block(c0, c1, c2, c3, key[0], key[1])
  return [output[0]!, output[1]!]
}

function unit(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0
}

/** The 32 bits of element `index` of the stream, as an unsigned integer. */
export function bitsAt(key: RandomKey, index: number): number {
  blockOf(key, index)
  return output[index % 4]!
}

/** Where the two of a pair stand: a query row of a head of a batch, and a key. */
export interface PairPlace {
  readonly batch: number
  readonly head: number
  readonly queryRow: number
  readonly key: number
}

/**
 * 32 bits for a pair of a query and a key, as an unsigned integer: words 0 and 1 of Philox for the row, with
 * the counter (queryRow, head, batch, 4), and the key mixed in between them by the multipliers of lowbias32
 * (Wellons, hash-prospector, 2018). A row's words serve all of its keys, so that a kernel that goes through
 * rows of keys makes a block of Philox for each row alone.
 */
export function pairBitsAt(key: RandomKey, place: PairPlace): number {
  block(place.queryRow, place.head, place.batch, 4, key[0], key[1])
  let x = (Math.imul(place.key, pairStep) + output[0]!) | 0
  x = Math.imul(x ^ (x >>> 16), pairFirst)
  x = Math.imul(x ^ (x >>> 15) ^ output[1]!, pairSecond)
  return (x ^ (x >>> 16)) >>> 0
}

/** What `pairBitsAt` multiplies a key's number with, as a whole number with a sign. */
export const pairStep: number = 0x9e3779b9 | 0
/** And what it mixes with, first and then. */
export const pairFirst: number = 0x7feb352d
export const pairSecond: number = 0x846ca68b | 0

/** Element `index` of the stream as a uniform number: at least 0, below 1, 24 bits. */
export function uniformAt(key: RandomKey, index: number): number {
  return (bitsAt(key, index) >>> 8) * 2 ** -24
}

/** Element `index` of the stream as a normal number of mean 0 and variance 1, rounded to f32. */
export function normalAt(key: RandomKey, index: number): number {
  blockOf(key, index)
  const first = index % 4 < 2 ? 0 : 2
  const radius = radiusOf(output[first]!)
  const angle = angleOf(output[first + 1]!)
  return Math.fround(radius * (index % 2 === 0 ? Math.cos(angle) : Math.sin(angle)))
}

/**
 * Element `index` of the stream as a whole number of at least 0 and below `limit`, every one equally likely
 * (Lemire, Fast Random Integer Generation in an Interval, 2019). An attempt that would favour some numbers
 * is thrown away and made again with the next counter word 2.
 *
 * @param limit a whole number from 1 to 2^32
 * @throws UsageError for any other limit
 */
export function integerAt(key: RandomKey, index: number, limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32) {
    throw new UsageError({
      operation: 'integerAt',
      expected: 'a limit that is a whole number from 1 to 2^32',
      found: String(limit),
      hint: 'give the number of choices',
    })
  }
  const unfair = 2 ** 32 % limit
  for (let attempt = 0; ; attempt++) {
    blockOf(key, index, attempt)
    const bits = output[index % 4]!
    if (limit === 2 ** 32) return bits
    if (Math.imul(bits, limit) >>> 0 >= unfair) return multiplyHigh(bits, limit)
  }
}

/** Fills `target` with the uniform elements from `start` on: target[j] is uniformAt(key, start + j). */
export function fillUniform(key: RandomKey, target: Float32Array, start: number = 0): Float32Array {
  checkWhole('fillUniform', 'a start', start)
  const skip = start % 4
  for (let at = -skip; at < target.length; at += 4) {
    blockOf(key, start + at)
    const end = Math.min(4, target.length - at)
    for (let word = Math.max(0, -at); word < end; word++) target[at + word] = (output[word]! >>> 8) * 2 ** -24
  }
  return target
}

/** Fills `target` with the normal elements from `start` on: target[j] is normalAt(key, start + j). */
export function fillNormal(key: RandomKey, target: Float32Array, start: number = 0): Float32Array {
  checkWhole('fillNormal', 'a start', start)
  const skip = start % 4
  for (let at = -skip; at < target.length; at += 4) {
    blockOf(key, start + at)
    for (let word = 0; word < 4; word += 2) {
      const radius = radiusOf(output[word]!)
      const angle = angleOf(output[word + 1]!)
      const even = at + word
      if (even >= 0 && even < target.length) target[even] = radius * Math.cos(angle)
      if (even + 1 >= 0 && even + 1 < target.length) target[even + 1] = radius * Math.sin(angle)
    }
  }
  return target
}

/**
 * The numbers from 0 to length - 1 in random order (Fisher and Yates): from the last place down to place 1,
 * place i changes with place integerAt(key, i, i + 1).
 *
 * @param length how many, a whole number
 * @throws UsageError for any other length
 */
export function permutation(key: RandomKey, length: number): Uint32Array {
  checkWhole('permutation', 'a length', length)
  const order = new Uint32Array(length)
  for (let i = 0; i < length; i++) order[i] = i
  for (let i = length - 1; i > 0; i--) {
    const j = integerAt(key, i, i + 1)
    const held = order[i]!
    order[i] = order[j]!
    order[j] = held
  }
  return order
}

function blockOf(key: RandomKey, index: number, attempt: number = 0): void {
  checkWhole('random', 'an index', index)
  const counter = Math.floor(index / 4)
  block(counter >>> 0, Math.floor(counter / 2 ** 32), attempt, 0, key[0], key[1])
}

function radiusOf(bits: number): number {
  return Math.sqrt(-2 * Math.log((bits + 0.5) * 2 ** -32))
}

function angleOf(bits: number): number {
  return bits * (2 * Math.PI * 2 ** -32)
}

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + (((aLow * bLow) / 65536) >>> 0)
  const other = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + (middle >>> 16) + (other >>> 16)) >>> 0
}

function checkWhole(operation: string, what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new UsageError({
      operation,
      expected: `${what} that is a whole number from 0 to 2^53 - 1`,
      found: inWords(value),
      hint: 'use a non-negative integer',
    })
  }
}
