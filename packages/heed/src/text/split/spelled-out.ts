import { characterOfByte, codePointAt } from '../byte-alphabet.js'
import { endOf, startOf } from '../steps/normalized-text.js'
import type { Pieces } from '../steps/pieces.js'

/** Byte → the code unit that spells it in the byte alphabet. */
const unitOfByte = Uint16Array.from(characterOfByte, (character) => character.charCodeAt(0))

/**
 * Pieces of real characters: those that stand for bytes are written in the byte alphabet. Each byte has the
 * place of its character.
 */
export function spelledOut(pieces: Pieces): Pieces {
  if (pieces.spelling === 'characters') return pieces
  const { text, bounds } = pieces
  let most = 0
  for (let i = 0; i < bounds.length; i += 2) most += 3 * (bounds[i + 1]! - bounds[i]!)
  const units = new Uint16Array(most)
  const starts = new Int32Array(most)
  const ends = new Int32Array(most)
  const cut = new Int32Array(bounds.length)
  let length = 0
  for (let i = 0; i < bounds.length; i += 2) {
    const end = bounds[i + 1]!
    cut[i] = length
    for (let at = bounds[i]!; at < end;) {
      const point = codePointAt(text, at, end)
      const from = startOf(pieces, at)
      at += point > 0xffff ? 2 : 1
      const to = endOf(pieces, at)
      const first = length
      if (point < 0x80) units[length++] = unitOfByte[point]!
      else {
        if (point < 0x800) units[length++] = unitOfByte[0xc0 | (point >> 6)]!
        else {
          if (point < 0x10000) units[length++] = unitOfByte[0xe0 | (point >> 12)]!
          else {
            units[length++] = unitOfByte[0xf0 | (point >> 18)]!
            units[length++] = unitOfByte[0x80 | ((point >> 12) & 0x3f)]!
          }
          units[length++] = unitOfByte[0x80 | ((point >> 6) & 0x3f)]!
        }
        units[length++] = unitOfByte[0x80 | (point & 0x3f)]!
      }
      for (let byte = first; byte < length; byte++) {
        starts[byte] = from
        ends[byte] = to
      }
    }
    cut[i + 1] = length
  }
  return {
    text: textOf(units.subarray(0, length)),
    offset: pieces.offset,
    starts: starts.subarray(0, length),
    ends: ends.subarray(0, length),
    bounds: cut,
    spelling: 'characters',
  }
}

function textOf(units: Uint16Array): string {
  const step = 4096
  const parts: string[] = []
  for (let at = 0; at < units.length; at += step)
    parts.push(String.fromCharCode.apply(null, units.subarray(at, at + step) as unknown as number[]))
  return parts.join('')
}
