/**
 * Reads the numbers of a generated table one by one: base 32, low digits first, where the last digit of a
 * number is one of `a`–`z`, `A`–`F`.
 */
export class TableReader {
  readonly #text: string
  #at: number

  constructor(text: string, at: number = 0) {
    this.#text = text
    this.#at = at
  }

  get isDone(): boolean {
    return this.#at >= this.#text.length
  }

  next(): number {
    let value = 0
    for (let shift = 0; ; shift += 5) {
      const digit = digitAt(this.#text, this.#at++)
      value |= (digit & 31) << shift
      if (digit < 32) return value
    }
  }

  /** The same for a number that may be negative. */
  nextSigned(): number {
    const value = this.next()
    return (value & 1) === 1 ? -((value + 1) >> 1) : value >> 1
  }
}

/** The value of a digit, 0 to 63. */
export function digitAt(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return unit >= 97 ? unit - 97 : unit === 95 ? 63 : unit >= 65 ? unit - 39 : unit === 45 ? 62 : unit + 4
}
