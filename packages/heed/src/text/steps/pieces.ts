import type { NormalizedText } from './normalized-text.js'

/**
 * A text that is cut into pieces (words): piece i is text[bounds[2 i], bounds[2 i + 1]). Pieces are in order,
 * don't overlap and aren't empty; what lies between them is left out.
 *
 * `spelling` says what the characters of a piece stand for. `bytes`: each stands for the bytes of its UTF-8,
 * spelled in GPT-2's byte alphabet. They are spelled out only where a later step asks (`spelledOut`): byte
 * pair encoding reads them as they are.
 */
export interface Pieces extends NormalizedText {
  readonly bounds: Int32Array
  readonly spelling: Spelling
}

export type Spelling = 'characters' | 'bytes'

/** A step that cuts pieces further, and may write their text anew. */
export type Splitter = (pieces: Pieces) => Pieces

/** A step that writes a text anew. */
export type Normalizer = (text: NormalizedText) => NormalizedText

/** A text as a single piece, or none where it is empty. */
export function wholePiece(text: NormalizedText): Pieces {
  const bounds = text.text.length === 0 ? new Int32Array(0) : Int32Array.of(0, text.text.length)
  return { ...text, bounds, spelling: 'characters' }
}

/** Collects the bounds of pieces. */
export class Bounds {
  #numbers: Int32Array
  #length = 0

  constructor(expected = 64) {
    this.#numbers = new Int32Array(2 * expected)
  }

  /** Adds [start, end), unless it is empty. */
  push(start: number, end: number): void {
    if (start >= end) return
    if (this.#length === this.#numbers.length) {
      const longer = new Int32Array(Math.max(128, 2 * this.#length))
      longer.set(this.#numbers)
      this.#numbers = longer
    }
    this.#numbers[this.#length++] = start
    this.#numbers[this.#length++] = end
  }

  /** Makes the piece that was added last end later. */
  extend(end: number): void {
    this.#numbers[this.#length - 1] = end
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  take(): Int32Array {
    return this.#numbers.subarray(0, this.#length)
  }
}
