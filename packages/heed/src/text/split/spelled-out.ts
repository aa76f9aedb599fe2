import { characterOfByte, codePointAt } from '../byte-alphabet.js'
import { endOf, startOf } from '../steps/normalized-text.js'
import type { Pieces } from '../steps/pieces.js'

/** Pieces of real characters: those that stand for bytes are written in the byte alphabet. */
export function spelledOut(pieces: Pieces): Pieces {
  if (pieces.spelling === 'characters') return pieces
  const { text, bounds } = pieces
  let size = 0
  for (let i = 0; i < bounds.length; i += 2) size += bounds[i + 1]! - bounds[i]!
  const spelled = new Speller(pieces, 3 * size)
  const cut = new Int32Array(bounds.length)
  for (let i = 0; i < bounds.length; i += 2) {
    const end = bounds[i + 1]!
    cut[i] = spelled.length
    for (let at = bounds[i]!; at < end;) {
      const point = codePointAt(text, at, end)
      const next = at + (point > 0xffff ? 2 : 1)
      spelled.write(point, at, next)
      at = next
    }
    cut[i + 1] = spelled.length
  }
  return { ...spelled.finish(), offset: pieces.offset, bounds: cut, spelling: 'characters' }
}

/** Writes the bytes of characters, each with the place of its character. */
class Speller {
  readonly #pieces: Pieces
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  readonly #parts: string[] = []
  #part = ''
  length = 0

  constructor(pieces: Pieces, size: number) {
    this.#pieces = pieces
    this.#starts = new Int32Array(size)
    this.#ends = new Int32Array(size)
  }

  /** Writes a character that stands at [start, end) of the pieces' text. */
  write(point: number, start: number, end: number): void {
    const first = this.length
    if (point < 0x80) this.#byte(point)
    else if (point < 0x800) this.#byte(0xc0 | (point >> 6))
    else if (point < 0x10000) this.#byte(0xe0 | (point >> 12))
    else {
      this.#byte(0xf0 | (point >> 18))
      this.#byte(0x80 | ((point >> 12) & 0x3f))
    }
    if (point > 0x7ff) this.#byte(0x80 | ((point >> 6) & 0x3f))
    if (point > 0x7f) this.#byte(0x80 | (point & 0x3f))
    const from = startOf(this.#pieces, start)
    const to = endOf(this.#pieces, end)
    for (let i = first; i < this.length; i++) {
      this.#starts[i] = from
      this.#ends[i] = to
    }
  }

  finish(): { text: string; starts: Int32Array; ends: Int32Array } {
    this.#parts.push(this.#part)
    return {
      text: this.#parts.join(''),
      starts: this.#starts.subarray(0, this.length),
      ends: this.#ends.subarray(0, this.length),
    }
  }

  #byte(byte: number): void {
    this.#part += characterOfByte[byte]!
    this.length++
    // A string that grew character by character is kept short: it costs far more memory than a flat one.
    if (this.#part.length === 4096) {
      this.#parts.push(this.#part)
      this.#part = ''
    }
  }
}
