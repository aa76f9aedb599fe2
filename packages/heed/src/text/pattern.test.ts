import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeedError, UsageError } from '../base/index.js'
import { gpt2Pattern, Pattern } from './pattern.js'
import { PatternError } from './pattern-syntax.js'

const WHITE = '[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'

function parts(source: string, text: string): string[] {
  const found: string[] = []
  new Pattern(source).split(text, 0, text.length, (start, end, isMatch) => {
    found.push(isMatch ? text.slice(start, end) : `-${text.slice(start, end)}`)
  })
  return found
}

/** What JavaScript's own engine finds, unmatched text marked with '-'. */
function partsOfJavaScript(expression: RegExp, text: string): string[] {
  const found: string[] = []
  let last = 0
  for (const match of text.matchAll(expression)) {
    if (last < match.index) found.push(`-${text.slice(last, match.index)}`)
    found.push(match[0])
    last = match.index + match[0].length
  }
  if (last < text.length) found.push(`-${text.slice(last)}`)
  return found
}

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."abSsT  \n\r\t'12.,!é한😀\u0085\ufeff\u00a0"),
    fc.string({ unit: 'binary', maxLength: 1, minLength: 1 }),
  ),
  maxLength: 40,
})

describe('Pattern', () => {
  it("finds GPT-2's words as JavaScript does with Unicode's white space", () => {
    const white = WHITE.slice(1, -1)
    const same = new RegExp(
      gpt2Pattern
        .replace('[^\\s', `[^${white}`)
        .replace('(?!\\S)', `(?![^${white}])`)
        .replaceAll('\\s+', `${WHITE}+`),
      'gu',
    )
    fc.assert(
      fc.property(text, (value) => {
        expect(parts(gpt2Pattern, value)).toEqual(partsOfJavaScript(same, value))
      }),
    )
  })

  it.each([
    '[ab]{2}|a?b+S*|(?:ab|a)1',
    '(?=[ab]S)a|b(?!\\n)|[^a-zA-Z]+',
    '(?:a|b){1,3}S?|\\p{Lu}+|\\P{L}',
    "'(?:s|S|T)|[\\r\\n]{2,}|\\d{1,3}|[éa]|\\.",
    '(ab|(a|b)(S|s))?1|\\p{Han}',
  ])('finds %s as JavaScript does', (source) => {
    const expression = new RegExp(
      source.replaceAll('\\d', '\\p{Nd}').replace('\\p{Han}', '\\p{Script=Han}'),
      'gu',
    )
    fc.assert(
      fc.property(text, (value) => {
        expect(parts(source, value)).toEqual(partsOfJavaScript(expression, value))
      }),
    )
  })

  it('knows (?i:…) with the long s and the Kelvin sign, and possessive repeats', () => {
    expect(parts("(?i:'s|k)", "'S'ſ'sKkK'")).toEqual(["'S", "'ſ", "'s", 'K', 'k', 'K', "-'"])
    expect(parts('a++b', 'aab')).toEqual(['aab'])
    expect(parts('a++ab|a', 'aab')).toEqual(['a', 'a', '-b'])
  })

  it('reads lone surrogates as U+FFFD, and leaves what is outside alone', () => {
    expect(parts('[\\x{fffd}]+', 'a\ud800\udbffb')).toEqual(['-a', '\ud800\udbff', '-b'])
    const found: number[] = []
    new Pattern('a+(?!b)').split('aaab', 1, 3, (start, end) => found.push(start, end))
    expect(found).toEqual([1, 3])
  })

  it.each([
    'a*',
    '',
    '(?=a)',
    'a|',
    '(a',
    'a)',
    '[a',
    '[]',
    '[z-a]',
    '[a-\\d]',
    '[[:alpha:]]',
    '[a&&b]',
    'a??',
    'a*?',
    'a{2,1}',
    '+a',
    '^a',
    'a$',
    '.',
    '\\w+',
    '\\b',
    '(?<=a)b',
    '(?<n>a)',
    '(?i)a',
    '\\p{Nope}',
    '(ab)*',
    '(?=a)+b',
    'a{2}{3}',
    '\\x{110000}',
    '[\\S]',
    '(a'.repeat(200),
    `${'('.repeat(20)}a${'){16}'.repeat(20)}`,
    'a'.repeat(10_000_000),
    '('.repeat(10_000_000),
    `[${'a'.repeat(20_000)}]`,
    'a|'.repeat(3000) + 'a',
    Array.from({ length: 100 }, (_, i) => `\\x{${(0x4e00 + i).toString(16)}}`).join('|'),
  ])('refuses %s', (source) => {
    expect(() => new Pattern(source)).toThrow(PatternError)
  })

  it('gives up on a pattern that takes too long', () => {
    expect(() => parts('\\s*\\s*\\s*x', ' '.repeat(20_000))).toThrow(UsageError)
    expect(() => parts(`${'(?:a|a)'.repeat(30)}b`, 'a'.repeat(100))).toThrow(UsageError)
    expect(() => parts('(?:a{0,9}){16}b', 'a'.repeat(1000))).toThrow(UsageError)
  })

  it.each([
    'a++b',
    '(?=a*+b)a|a',
    'a{300000}b',
    'a{1,300000}b',
    '\\p{L}++\\d|\\p{L}',
    '(?:a{1,9}){16}b',
    '(?!a++b)a',
    `${'a'.repeat(1900)}b`,
    `${'(?!b)'.repeat(900)}a`,
    `${'(?=a)'.repeat(900)}a`,
    `${'b|'.repeat(1900)}a`,
    `${'a?'.repeat(40)}b`,
    'a+a+b',
    '(?:a+){9}b',
  ])('gives up on %s in many letters', (source) => {
    expect(() => parts(source, 'a'.repeat(20_000))).toThrow(/at most 128 steps a character/)
  })

  it.each([
    gpt2Pattern,
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ])("takes any long text with tokenizers' own patterns, such as %s", (source) => {
    const run = fc.constantFrom(
      'a',
      'A',
      ' ',
      '\n',
      '\r',
      '1',
      '!',
      "'",
      '中',
      'é',
      '\u0301',
      '/',
      ' \n',
      "'S",
    )
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 4 }), (unit) => {
        const long = unit.join('').repeat(1000)
        expect(
          parts(source, long)
            .map((part) => part.replace(/^-(?=.)/s, ''))
            .join('').length,
        ).toBeGreaterThan(0)
      }),
      { numRuns: 40 },
    )
  })

  it('looks each character up as JavaScript does, on every page', () => {
    const wanted = /[\p{L}\u{1f600}-\u{1f64f}]/u
    const pattern = new Pattern('[\\p{L}\\x{1f600}-\\x{1f64f}]')
    for (let point = 0; point < 0x20000; point += 13) {
      if (point >= 0xd800 && point < 0xe000) continue
      const character = String.fromCodePoint(point)
      let found = false
      pattern.split(character, 0, character.length, (_, __, isMatch) => (found = isMatch))
      expect(found).toBe(wanted.test(character))
    }
  })

  it('takes or refuses any source', () => {
    const source = fc.string({ unit: fc.constantFrom(...'ab\\spdLN{}[]()^?*+|,1-&:=!i'), maxLength: 20 })
    fc.assert(
      fc.property(source, text, (value, searched) => {
        try {
          expect(
            parts(value, searched)
              .map((part) => part.replace(/^-/, ''))
              .join('').length,
          ).toBeGreaterThanOrEqual(0)
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
