import type { Pieces } from '../steps/pieces.js'

/**
 * Puts `prefix` in front of pieces. It has the place of the first character of its piece. Where it stands
 * there already, in what was left out, it is taken over.
 *
 * @param isPrefixed of each piece, 1 where it gets one
 */
export function withPrefix(pieces: Pieces, prefix: string, isPrefixed: Uint8Array): Pieces {
  const count = isPrefixed.reduce((sum, one) => sum + one, 0)
  if (count === 0) return pieces
  const { text, bounds, starts: oldStarts, ends: oldEnds, offset } = pieces
  const size = prefix.length
  const starts = new Int32Array(text.length + count * size)
  const ends = new Int32Array(starts.length)
  const cut = new Int32Array(bounds.length)
  const parts: string[] = []
  let copied = 0
  let shift = 0
  const copyTo = (to: number): void => {
    parts.push(copied === 0 && to === text.length ? text : text.slice(copied, to))
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
  const prefixUnit = prefix.charCodeAt(0)
  let before = 0
  for (let i = 0; i < bounds.length; i += 2) {
    const at = bounds[i]!
    cut[i] = at + shift
    if (isPrefixed[i >> 1] === 1) {
      if (size === 1 && before < at && text.charCodeAt(at - 1) === prefixUnit) cut[i] = at - size + shift
      else {
        copyTo(at)
        parts.push(prefix)
        shift += size
      }
    }
    before = bounds[i + 1]!
    cut[i + 1] = before + shift
  }
  copyTo(text.length)
  const written = parts.length === 1 ? parts[0]! : parts.join('')
  for (let i = 0; i < bounds.length; i += 2) {
    if (isPrefixed[i >> 1] === 0) continue
    const at = cut[i]! + size
    const last = written.codePointAt(at)! > 0xffff ? at + 1 : at
    for (let unit = cut[i]!; unit < at; unit++) {
      starts[unit] = starts[at]!
      ends[unit] = ends[last]!
    }
  }
  const { length } = written
  return {
    text: written,
    offset,
    starts: starts.subarray(0, length),
    ends: ends.subarray(0, length),
    bounds: cut,
    spelling: pieces.spelling,
  }
}
