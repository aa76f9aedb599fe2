import { codePointAt } from './byte-alphabet.js'

/**
 * Unicode's White_Space. JavaScript's `\s` isn't it: that has U+FEFF in addition and lacks U+0085.
 * Source: Unicode Character Database, PropList.txt.
 */
export const whiteSpaceRange = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'

/**
 * A set of characters, tested by code point in constant time: a page of 256 answers is worked out when the
 * first character in it is asked for.
 */
export class CharacterClass {
  readonly #source: string
  readonly #ignoreCase: boolean
  /**
   * Made when first needed: to look Unicode properties up takes a millisecond, which not every program has to
   * spend.
   */
  #expression: RegExp | undefined
  readonly #pages: (Uint8Array | undefined)[] = []

  /** `source`: a JavaScript character class, with its brackets. */
  constructor(source: string, ignoreCase: boolean = false) {
    this.#source = source
    this.#ignoreCase = ignoreCase
  }

  has(point: number): boolean {
    return (this.#pages[point >> 8] ?? this.#buildPage(point >> 8))[point & 255] === 1
  }

  /** Where the run of members that begins at `at` stops. */
  endOfRun(text: string, at: number, end: number): number {
    while (at < end) {
      const point = codePointAt(text, at, end)
      if (!this.has(point)) break
      at += point > 0xffff ? 2 : 1
    }
    return at
  }

  #buildPage(page: number): Uint8Array {
    const expression = (this.#expression ??= new RegExp(`${this.#source}+`, this.#ignoreCase ? 'giu' : 'gu'))
    const first = page * 256
    const units = first > 0xffff ? 2 : 1
    const characters = String.fromCodePoint(...Array.from({ length: 256 }, (_, i) => first + i))
    const answers = new Uint8Array(256)
    let members = 0
    for (const { 0: run, index } of characters.matchAll(expression)) {
      answers.fill(1, index / units, (index + run.length) / units)
      members += run.length / units
    }
    // Most pages have none or are full: of these one is enough.
    return (this.#pages[page] = members === 0 ? noneOfPage : members === 256 ? allOfPage : answers)
  }
}

const noneOfPage = new Uint8Array(256)
const allOfPage = new Uint8Array(256).fill(1)

export const whiteSpace: CharacterClass = new CharacterClass(`[${whiteSpaceRange}]`)

/** General category N: what the pre-tokenizer Digits splits off. */
export const numeric: CharacterClass = new CharacterClass('[\\p{N}]')

/** A word's characters as Unicode has them (UTS #18, annex C): what a `single_word` token may not touch. */
export const wordCharacter: CharacterClass = new CharacterClass(
  '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]',
)
