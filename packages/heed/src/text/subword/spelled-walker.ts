import { codePointAt } from '../byte-alphabet.js'
import type { Spelling } from '../steps/pieces.js'
import { spelledLength } from './initial-symbols.js'

/**
 * Finds the places of tokens in a text from how many bytes each takes as it is spelled. A token of a part of
 * a character has the place of the whole one.
 */
export class SpelledWalker {
  text: string = ''
  spelling: Spelling = 'characters'
  /** Whether the tokens so far take as many bytes as their characters have. */
  isEven: boolean = true
  /** Where the token that was taken last is, in UTF-16 code units. */
  start: number = 0
  end: number = 0
  #limit = 0
  /** The character that was reached begins here, and has so many bytes that no token took. */
  #character = 0
  #bytes = 0

  /** Begins with the piece [start, end) of a text. */
  begin(text: string, start: number, end: number, spelling: Spelling): void {
    this.text = text
    this.spelling = spelling
    this.isEven = true
    this.#limit = end
    this.skipTo(start)
  }

  /** Goes on at a character that no token took a part of. */
  skipTo(place: number): void {
    this.end = place
    this.#bytes = 0
  }

  /** Takes a token of one byte or more. Beyond the piece's end, its last character is taken again. */
  take(bytes: number): void {
    if (this.#bytes === 0) this.#next()
    this.start = this.#character
    while (bytes > this.#bytes && this.end < this.#limit) {
      bytes -= this.#bytes
      this.#next()
    }
    this.#bytes = Math.max(0, this.#bytes - bytes)
  }

  #next(): void {
    if (this.end >= this.#limit) return
    const point = codePointAt(this.text, this.end, this.#limit)
    this.#character = this.end
    this.end += point > 0xffff ? 2 : 1
    this.#bytes = spelledLength(point, this.spelling)
  }
}
