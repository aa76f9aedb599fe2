import { decompositions } from './decomposition.js'

/** Where characters are that two others compose to, by pages of 256; Hangul is composed by rule. */
const pagesOfComposed = [
  [0x00, 0x30],
  [0x110, 0x116],
] as const

/** The second of two characters → the first → what they compose to. */
let pairs: Map<number, Map<number, number>> | undefined

/**
 * What two characters compose to in Unicode 9, or -1. Which pairs do never changes for characters that are
 * assigned (Unicode's stability policy), so the engine's own serve.
 */
export function compose(first: number, second: number): number {
  if (second < 0x300) return -1
  if (second >= 0x1161 && second < 0x11c3) {
    const hangul = composeHangul(first, second)
    if (hangul >= 0) return hangul
  }
  pairs ??= readPairs()
  return pairs.get(second)?.get(first) ?? -1
}

/** Whether a character composes with some character before it. */
export function composesBackward(point: number): boolean {
  if (point < 0x300) return false
  if ((point >= 0x1161 && point < 0x1176) || (point > 0x11a7 && point < 0x11c3)) return true
  pairs ??= readPairs()
  return pairs.has(point)
}

function composeHangul(first: number, second: number): number {
  if (second < 0x1176)
    return first >= 0x1100 && first < 0x1113 ? 0xac00 + ((first - 0x1100) * 21 + second - 0x1161) * 28 : -1
  return second > 0x11a7 && first >= 0xac00 && first < 0xd7a4 && (first - 0xac00) % 28 === 0
    ? first + second - 0x11a7
    : -1
}

function readPairs(): Map<number, Map<number, number>> {
  const read = new Map<number, Map<number, number>>()
  const canonical = decompositions(false)
  for (const [from, to] of pagesOfComposed)
    for (let point = from << 8; point < (to + 1) << 8; point++) {
      const decomposed = canonical.of(point)
      if (decomposed === undefined) continue
      // Some are excluded from composition: they stay taken apart.
      if (decomposed.normalize('NFC') !== String.fromCodePoint(point)) continue
      const letters = [...decomposed]
      const second = letters.pop()!.codePointAt(0)!
      const first = letters.join('').normalize('NFC').codePointAt(0)!
      if (!read.has(second)) read.set(second, new Map())
      read.get(second)!.set(first, point)
    }
  return read
}
