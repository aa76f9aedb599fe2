import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as unicode from './index.js'

const point = fc.integer({ min: 0, max: unicode.pointCount - 1 })

describe('propertyRanges', () => {
  it('knows general categories, scripts and properties, however they are spelled', () => {
    for (const name of ['Lu', 'lu', 'Uppercase_Letter', 'uppercase letter', 'UPPERCASE-LETTER'])
      expect(unicode.propertyRanges(name)!.slice(0, 4)).toEqual(Int32Array.of(65, 90, 192, 214))
    expect([...unicode.propertyRanges('Thai')!]).toEqual([0xe01, 0xe3a, 0xe40, 0xe5b])
    expect([...unicode.propertyRanges('White_Space')!]).toEqual(
      [0x09, 0x0d, 0x20, 0x20, 0x85, 0x85, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029].concat(
        [0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000],
      ),
    )
    expect(unicode.propertyRanges('Extended_Pictographic')).toEqual(unicode.propertyRanges('extpict'))
  })

  it.each(['Klingon', '', 'constructor', '__proto__', 'mark9', 'L&'])('does not know %s', (name) => {
    expect(unicode.propertyRanges(name)).toBeUndefined()
    expect(unicode.propertySet(name)).toBeUndefined()
  })

  it('gives each character one general category', () => {
    const names = [
      'Lu',
      'Ll',
      'Lt',
      'Lm',
      'Lo',
      'Mn',
      'Mc',
      'Me',
      'Nd',
      'Nl',
      'No',
      'Pc',
      'Pd',
      'Ps',
      'Pe',
      'Pi',
    ].concat(['Pf', 'Po', 'Sm', 'Sc', 'Sk', 'So', 'Zs', 'Zl', 'Zp', 'Cc', 'Cf', 'Cs', 'Co', 'Cn'])
    const sets = names.map((name) => unicode.propertySet(name)!)
    const groups = ['L', 'M', 'N', 'P', 'S', 'Z', 'C'].map((name) => unicode.propertySet(name)!)
    fc.assert(
      fc.property(point, (one) => {
        expect(sets.filter((set) => set.has(one))).toHaveLength(1)
        expect(groups.filter((set) => set.has(one))).toHaveLength(1)
      }),
    )
  })
})

describe('ranges', () => {
  const pairs = fc.array(fc.tuple(fc.nat(40), fc.nat(8)), { maxLength: 8 })
  const setOf = (list: readonly (readonly [number, number])[]): unicode.Ranges =>
    unicode.rangesOf(list.flatMap(([first, more]) => [first, first + more]))

  it('are combined as sets are', () => {
    fc.assert(
      fc.property(pairs, pairs, fc.nat(60), (a, b, one) => {
        const has = (ranges: unicode.Ranges): boolean => new unicode.CharacterSet(ranges).has(one)
        const [x, y] = [setOf(a), setOf(b)]
        const inA = a.some(([first, more]) => one >= first && one <= first + more)
        const inB = b.some(([first, more]) => one >= first && one <= first + more)
        expect(has(unicode.union(x, y))).toBe(inA || inB)
        expect(has(unicode.intersection(x, y))).toBe(inA && inB)
        expect(has(unicode.difference(x, y))).toBe(inA !== inB)
        expect(has(unicode.complement(x))).toBe(!inA)
        expect(unicode.complement(unicode.complement(x))).toEqual(x)
      }),
    )
  })
})

describe('CharacterSet', () => {
  it('finds where a run ends, and reads a lone surrogate as U+FFFD', () => {
    const letters = unicode.propertySet('L')!
    expect(letters.endOfRun('añ𐐀字-a', 0, 7)).toBe(5)
    expect(letters.endOfRun('añ𐐀字-a', 0, 3)).toBe(2)
    expect(letters.endOfRun('-', 0, 1)).toBe(0)
    expect(unicode.propertySet('So')!.endOfRun('\ud800\udc00'.slice(0, 1), 0, 1)).toBe(1)
  })

  it('has what its ranges have at the edges of pages', () => {
    const set = new unicode.CharacterSet(Int32Array.of(0xff, 0x100, 0x200, 0x2ff, 0x10ffff, 0x10ffff))
    const points = [0xfe, 0xff, 0x100, 0x101, 0x1ff, 0x200, 0x2ff, 0x300, 0x10fffe, 0x10ffff]
    expect(points.map((one) => set.has(one))).toEqual(
      [false, true, true, false, false, true, true, false, false, true],
    ) // prettier-ignore
  })
})

describe('letters', () => {
  it('become lowercase one by one', () => {
    const lower = (text: string): string =>
      String.fromCodePoint(...[...text].map((c) => unicode.lowercaseOf(c.codePointAt(0)!)))
    expect(lower('AZÀΣƼǅẞ𐐀azσß')).toBe('azàσƽǆß𐐨azσß')
    expect(lower('\u0130')).toBe('i')
  })

  it('fold to what they match without regard to case', () => {
    const fold = (letter: string): string | undefined => unicode.foldingOf(letter.codePointAt(0)!)
    expect(['ß', 'ẞ', 'ſ', '\u212a', 'ς', 'Ꭰ', 'ꭰ', 'ﬃ', 'İ', 'a'].map(fold)).toEqual(
      ['ss', 'ss', 's', 'k', 'σ', undefined, 'Ꭰ', 'ffi', 'i\u0307', undefined],
    ) // prettier-ignore
  })

  it('have combining classes', () => {
    const classes = ['a', '\u0300', '\u0323', '\u0334', '\u0345', '\u3099', '\u{1d16d}'].map((c) =>
      unicode.combiningClass(c.codePointAt(0)!),
    )
    expect(classes).toEqual([0, 230, 220, 1, 240, 8, 226])
  })

  it('have a script in Unicode 9', () => {
    const script = (letter: string): number => unicode.scriptOfUnicode9(letter.codePointAt(0)!)
    expect(script('a')).toBe(unicode.scriptNumber('Latin'))
    expect(script('字')).toBe(unicode.scriptNumber('Han'))
    expect(script('\u{30000}')).toBe(-1)
    expect(script('\u{e000}')).toBe(-1)
  })
})

describe('graphemeEnd', () => {
  const clusters = (text: string): string[] => {
    const list: string[] = []
    for (let at = 0; at < text.length;) {
      const end = unicode.graphemeEnd(text, at, text.length)
      list.push(text.slice(at, end))
      at = end
    }
    return list
  }

  it.each([
    ['a\r\n\n', ['a', '\r\n', '\n']],
    ['e\u0301x', ['e\u0301', 'x']],
    ['각각', ['각', '각']],
    ['가\u11a8', ['가\u11a8']],
    ['\u1100\u1161\u11a8', ['\u1100\u1161\u11a8']],
    ['🇦🇧🇨', ['🇦🇧', '🇨']],
    ['👩‍🚀👍🏽', ['👩‍🚀', '👍🏽']],
    ['a\u200d🚀', ['a\u200d', '🚀']],
    ['👩\u200d\u0301\u200d🚀', ['👩\u200d\u0301\u200d', '🚀']],
    ['\u0600a\u0903', ['\u0600a\u0903']],
    ['\u0915\u094d\u0937', ['\u0915\u094d', '\u0937']],
  ])('%j', (text, expected) => {
    expect(clusters(text)).toEqual(expected)
  })
})
