import { codePointAt } from '../byte-alphabet.js'
import { PatternError } from './pattern-error.js'

const longestPattern = 2 ** 14

/** A pattern's characters, read from left to right. */
export class PatternSource {
  readonly text: string
  readonly #points: number[] = []
  at = 0

  constructor(text: string) {
    this.text = text
    if (text.length > longestPattern)
      this.refuse(`a pattern of at most ${longestPattern} characters`, `${text.length}`)
    for (let at = 0; at < text.length;) {
      const point = codePointAt(text, at)
      this.#points.push(point)
      at += point > 0xffff ? 2 : 1
    }
  }

  get atEnd(): boolean {
    return this.at >= this.#points.length
  }

  /** The code point `ahead` of here, -1 behind the end. */
  peek(ahead: number = 0): number {
    return this.#points[this.at + ahead] ?? -1
  }

  next(): number {
    if (this.atEnd) this.refuse('more', 'the end')
    return this.#points[this.at++]!
  }

  sees(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text.charCodeAt(i)) return false
    return true
  }

  /** Whether ASCII text stands here; if so, it is passed. */
  take(text: string): boolean {
    if (!this.sees(text)) return false
    this.at += text.length
    return true
  }

  /** Passes characters while `accepts` says so, at most `most`, and returns them. */
  run(accepts: (point: number) => boolean, most: number = Infinity): string {
    const start = this.at
    while (!this.atEnd && this.at - start < most && accepts(this.peek())) this.at++
    return String.fromCodePoint(...this.#points.slice(start, this.at))
  }

  has(character: string): boolean {
    return this.#points.indexOf(character.charCodeAt(0), this.at) >= 0
  }

  refuse(expected: string, found?: string, hint?: string): never {
    const around = String.fromCodePoint(...this.#points.slice(Math.max(0, this.at - 10), this.at + 20))
    throw new PatternError({
      operation: 'Pattern',
      expected,
      found: `${found === undefined ? '' : `${found} `}around '${around}' (character ${this.at})`,
      hint: hint ?? "correct the pattern, in Oniguruma's syntax",
    })
  }
}

export const isHexDigit = (point: number): boolean =>
  (point >= 0x30 && point <= 0x39) || ((point | 32) >= 0x61 && (point | 32) <= 0x66)
export const isOctalDigit = (point: number): boolean => point >= 0x30 && point <= 0x37
export const isDigit = (point: number): boolean => point >= 0x30 && point <= 0x39
