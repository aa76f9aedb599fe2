import { describe, expect, it } from 'vitest'
import { Pattern, PatternError } from './index.js'

function parts(source: string, text: string): string[] {
  const found: string[] = []
  new Pattern(source).split(text, 0, text.length, (start, end, isMatch) => {
    found.push(isMatch ? text.slice(start, end) : `-${text.slice(start, end)}`)
  })
  return found
}

describe('Pattern', () => {
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

  it.each(['(a', 'a)', '[a', '[]', '[z-a]', '[a-\\d]', '+a', '\\p{Nope}', '(?=a)+b', '\\x{110000}'])(
    'refuses %s',
    (source) => {
      expect(() => new Pattern(source)).toThrow(PatternError)
    },
  )
})
