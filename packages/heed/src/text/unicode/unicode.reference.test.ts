import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import * as unicode from './index.js'
import type { Ranges } from './index.js'

const shared = process.env['HEED_SHARED'] ?? ''
const file = join(shared, 'reference', 'tokenizers', 'components', 'characters.json.gz')
const isThere = shared !== '' && existsSync(file)

interface Characters {
  readonly sets: Readonly<Record<string, readonly (readonly [number, number])[]>>
  readonly maps: Readonly<Record<string, readonly (readonly [number, string])[]>>
}

/** Planes 0 to 3 and 14 without surrogates; of the others one in 257 and the last two. */
function wasTried(point: number): boolean {
  if (point >= 0xd800 && point < 0xe000) return false
  const plane = point >> 16
  return plane < 4 || plane === 14 || point % 257 === 0 || (point & 0xffff) >= 0xfffe
}

const pairsOf = (ranges: Ranges): [number, number][] =>
  Array.from({ length: ranges.length / 2 }, (_, i) => [ranges[2 * i]!, ranges[2 * i + 1]!])

describe.skipIf(!isThere)('the sets of the reference (set HEED_SHARED to run)', () => {
  const { sets, maps } = (isThere
    ? JSON.parse(gunzipSync(readFileSync(file)).toString())
    : { sets: {}, maps: {} }) as unknown as Characters

  /** The code points tried that are in one and not in the other. */
  const differences = (name: string, has: (point: number) => boolean): string[] => {
    const expected = new unicode.CharacterSet(unicode.rangesOf(sets[name]!.flat()))
    const list: string[] = []
    for (let point = 0; point < unicode.pointCount; point++)
      if (wasTried(point) && has(point) !== expected.has(point)) list.push(point.toString(16))
    return list.slice(0, 20)
  }

  it.each([
    ['WhitespaceSplit', unicode.whiteSpace],
    ['Strip', unicode.whiteSpace],
    ['Punctuation: isolated', unicode.punctuation],
    ['Digits', unicode.numeric],
    ['BertNormalizer clean_text: removed', unicode.bertControl],
    ['BertNormalizer handle_chinese_chars: spaces around', unicode.bertChinese],
    ['BertNormalizer strip_accents: removed', unicode.bertAccent],
    ['StripAccents: removed', unicode.mark],
  ] as const)('%s', (name, set) => {
    expect(differences(name, (point) => set.has(point))).toEqual([])
  })

  it.each(
    [
      ['L', 'M', 'N', 'P', 'S', 'Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Z', 'Han'].map((name) => [
        `\\p{${name}}`,
        name,
      ]),
      [
        ['\\w', 'Word'],
        ['\\s', 'Space'],
        ['\\d', 'Digit'],
        ['[[:punct:]]', 'PosixPunct'],
      ],
    ].flat(),
  )('Regex %s', (written, name) => {
    const set = unicode.propertySet(name)!
    expect(differences(`Regex ${written}`, (point) => set.has(point))).toEqual([])
  })

  it('Regex \\p{C}', () => {
    // The reference leaves surrogates out.
    const set = unicode.propertySet('C')!
    expect(differences('Regex \\p{C}', (point) => set.has(point))).toEqual([])
  })

  it('words of Whitespace', () => {
    expect(
      differences(
        'Whitespace: neither word nor space',
        (point) => !unicode.wordCharacter.has(point) && !unicode.whiteSpace.has(point),
      ),
    ).toEqual([])
  })

  it('UnicodeScripts', () => {
    const [han, hiragana, katakana] = ['Han', 'Hiragana', 'Katakana'].map(unicode.scriptNumber)
    const scriptOf = (point: number): number => {
      const script = unicode.scriptOfUnicode9(point)
      return point === 0x30fc || script === hiragana || script === katakana ? han! : script
    }
    for (const [letter, name] of [
      ['a', 'Latin'],
      ['語', 'Han'],
      ['б', 'Cyrillic'],
    ] as const) {
      const own = scriptOf(letter.codePointAt(0)!)
      const has = (point: number): boolean =>
        point !== 32 && scriptOf(point) !== -1 && scriptOf(point) !== own
      expect(differences(`UnicodeScripts: cut between it and a ${name} letter`, has)).toEqual([])
    }
  })

  it('Lowercase', () => {
    const expected = new Map(maps['Lowercase'])
    const wrong: string[] = []
    for (let point = 0; point < unicode.pointCount; point++) {
      if (!wasTried(point)) continue
      const to =
        String.fromCodePoint(unicode.lowercaseOf(point)) + (point === unicode.capitalDottedI ? '\u0307' : '')
      if (to !== (expected.get(point) ?? String.fromCodePoint(point))) wrong.push(point.toString(16))
    }
    expect(wrong).toEqual([])
  })

  it('gives ranges in order, which do not touch', () => {
    for (const name of ['L', 'Alphabetic', 'Han', 'Any', 'Graph']) {
      const pairs = pairsOf(unicode.propertyRanges(name)!)
      pairs.forEach(([first, last], i) => {
        expect(first).toBeLessThanOrEqual(last)
        if (i > 0) expect(first).toBeGreaterThan(pairs[i - 1]![1] + 1)
      })
    }
  })
})
