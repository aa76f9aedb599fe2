import { codePointAt } from './byte-alphabet.js'

/**
 * Unicode's White_Space. JavaScript's `\s` isn't it: that has U+FEFF in addition and lacks U+0085.
 * Source: Unicode Character Database, PropList.txt.
 */
export const WHITE_SPACE = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'

/**
 * A set of characters, tested by code point in constant time: a page of 256 answers is worked out when the first
 * character in it is asked for.
 */
export class CharacterClass {
  private readonly source: string
  private readonly ignoreCase: boolean
  /** Made when first needed: to look Unicode properties up takes a millisecond, which not every program has to spend. */
  private expression: RegExp | undefined
  private readonly pages: (Uint8Array | undefined)[] = []

  /** `source`: a JavaScript character class, with its brackets. */
  constructor(source: string, ignoreCase: boolean = false) {
    this.source = source
    this.ignoreCase = ignoreCase
  }

  has(point: number): boolean {
    return (this.pages[point >> 8] ?? this.buildPage(point >> 8))[point & 255] === 1
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

  private buildPage(page: number): Uint8Array {
    const expression = (this.expression ??= new RegExp(this.source, this.ignoreCase ? 'iu' : 'u'))
    const answers = new Uint8Array(256)
    for (let i = 0; i < 256; i++) {
      answers[i] = expression.test(String.fromCodePoint(page * 256 + i)) ? 1 : 0
    }
    this.pages[page] = answers
    return answers
  }
}

export const whiteSpace: CharacterClass = new CharacterClass(`[${WHITE_SPACE}]`)

/** General category N: what the pre-tokenizer Digits splits off. */
export const numeric: CharacterClass = new CharacterClass('[\\p{N}]')

/** A word's characters as Unicode has them (UTS #18, annex C): what a `single_word` token may not touch. */
export const wordCharacter: CharacterClass = new CharacterClass(
  '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]',
)
