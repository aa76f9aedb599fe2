import { endOf, startOf } from '../steps/normalized-text.js'
import type { Pieces } from '../steps/pieces.js'

/**
 * Puts `prefix` in front of pieces. It has the place of the first character of its piece.
 *
 * @param isPrefixed of each piece, 1 where it gets one
 */
export function withPrefix(pieces: Pieces, prefix: string, isPrefixed: Uint8Array): Pieces {
  const { text, bounds, starts: oldStarts, ends: oldEnds, offset } = pieces
  let count = 0
  for (const one of isPrefixed) count += one
  if (count === 0) return pieces
  const length = text.length + count * prefix.length
  const starts = new Int32Array(length)
  const ends = new Int32Array(length)
  const cut = new Int32Array(bounds.length)
  const parts: string[] = []
  let copied = 0
  let shift = 0
  const copy = (to: number): void => {
    parts.push(text.slice(copied, to))
    if (oldStarts === undefined || oldEnds === undefined)
      for (let i = copied; i < to; i++) {
        starts[i + shift] = offset + i
        ends[i + shift] = offset + i + 1
      }
    else {
      starts.set(oldStarts.subarray(copied, to), copied + shift)
      ends.set(oldEnds.subarray(copied, to), copied + shift)
    }
    copied = to
  }
  for (let i = 0; i < bounds.length; i += 2) {
    const at = bounds[i]!
    cut[i] = at + shift
    if (isPrefixed[i >> 1] === 1) {
      copy(at)
      parts.push(prefix)
      const isPair = text.codePointAt(at)! > 0xffff
      starts.fill(startOf(pieces, at), at + shift, at + shift + prefix.length)
      ends.fill(endOf(pieces, at + (isPair ? 2 : 1)), at + shift, at + shift + prefix.length)
      shift += prefix.length
    }
    cut[i + 1] = bounds[i + 1]! + shift
  }
  copy(text.length)
  return { ...pieces, text: parts.join(''), starts, ends, bounds: cut }
}
