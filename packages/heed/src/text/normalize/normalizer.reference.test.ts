import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readJson } from '../../base/index.js'
import { ReadContext } from '../steps/component.js'
import { endOf, startOf } from '../steps/normalized-text.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import { pointCount } from '../unicode/index.js'
import { createNormalizer, readNormalizer } from './index.js'
import type { NormalizerDefinition } from './index.js'

const shared = process.env['HEED_SHARED'] ?? ''
const folder = join(shared, 'reference', 'tokenizers', 'components')
const isThere = shared !== '' && existsSync(folder)

interface Normalizers {
  readonly texts: readonly string[]
  readonly normalizers: readonly {
    readonly normalizer: NormalizerDefinition
    readonly results: readonly (readonly [string, readonly (readonly number[])[]])[]
  }[]
}

interface Characters {
  readonly sets: Readonly<Record<string, readonly (readonly [number, number])[]>>
  readonly maps: Readonly<Record<string, readonly (readonly [number, string])[]>>
}

function read<Content>(name: string): Content {
  return JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString()) as Content
}

/** The places of code points, in the form of the reference. */
function placesOf(result: NormalizedText): number[][] {
  const places: number[][] = []
  let at = 0
  for (const character of result.text) {
    places.push([startOf(result, at), endOf(result, at + character.length)])
    at += character.length
  }
  return places
}

describe.skipIf(!isThere)('the normalizers of the reference (set HEED_SHARED to run)', () => {
  const { texts, normalizers } = isThere
    ? read<Normalizers>('normalizers.json.gz')
    : { texts: [], normalizers: [] }

  it('are read as they are written, and give the same texts and places', () => {
    expect(normalizers.length).toBeGreaterThan(50)
    for (const { normalizer, results } of normalizers) {
      const value = readJson(JSON.stringify(normalizer), { operation: 'test' })
      const definition = readNormalizer(value, new ReadContext(0))
      expect(definition).toEqual(normalizer)
      const normalize = createNormalizer(definition)
      texts.forEach((text, i) => {
        const result = normalize({ text, offset: 0 })
        const about = { normalizer: JSON.stringify(normalizer).slice(0, 200), text }
        expect({ ...about, result: [result.text, placesOf(result)] }).toEqual({
          ...about,
          result: results[i],
        })
      })
    }
  }, 60_000)

  it.each([
    ['NFC', { type: 'NFC' }],
    ['NFD', { type: 'NFD' }],
    ['NFKC', { type: 'NFKC' }],
    ['NFKD', { type: 'NFKD' }],
    ['Lowercase', { type: 'Lowercase' }],
    ['BertNormalizer lowercase', bert({ lowercase: true })],
    ['BertNormalizer strip_accents', bert({ strip_accents: true })],
  ] as const)(
    'map every character: %s',
    (name, definition) => {
      const { maps } = read<Characters>('characters.json.gz')
      const expected = new Map(maps[name])
      // What Bert leaves out is in a set of its own, and a syllable of Hangul in no map.
      const removed = name === 'BertNormalizer strip_accents' ? 'BertNormalizer strip_accents: removed' : ''
      const left = rangesOf(removed)
      const becomesSpace = rangesOf(`${name}: becomes a space`)
      const normalize = createNormalizer(definition)
      const wrong: string[] = []
      for (let point = 0; point < pointCount; point++) {
        if ((point >= 0xd800 && point < 0xe000) || (point >= 0xac00 && point < 0xd7a4) || !wasTried(point))
          continue
        const character = String.fromCodePoint(point)
        const to = left.has(point) ? '' : becomesSpace.has(point) ? ' ' : (expected.get(point) ?? character)
        if (normalize({ text: character, offset: 0 }).text !== to) wrong.push(point.toString(16))
      }
      expect(wrong.slice(0, 20)).toEqual([])
    },
    30_000,
  )

  it.each([
    ['Nmt', { type: 'Nmt' }],
    ['BertNormalizer clean_text', bert({ clean_text: true })],
  ] as const)(
    'change the characters of the sets: %s',
    (name, definition) => {
      const removed = rangesOf(`${name}: removed`)
      const spaces = rangesOf(`${name}: becomes a space`)
      const normalize = createNormalizer(definition)
      const wrong: string[] = []
      for (let point = 0; point < pointCount; point++) {
        if ((point >= 0xd800 && point < 0xe000) || !wasTried(point)) continue
        const character = String.fromCodePoint(point)
        const to = removed.has(point) ? '' : spaces.has(point) ? ' ' : character
        if (normalize({ text: character, offset: 0 }).text !== to) wrong.push(point.toString(16))
      }
      expect(wrong.slice(0, 20)).toEqual([])
    },
    30_000,
  )

  function rangesOf(name: string): Set<number> {
    const { sets } = read<Characters>('characters.json.gz')
    return new Set(
      (sets[name] ?? []).flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      ),
    )
  }
})

/** Planes 0 to 3 and 14; of the others one in 257 and the last two. */
function wasTried(point: number): boolean {
  const plane = point >> 16
  return plane < 4 || plane === 14 || point % 257 === 0 || (point & 0xffff) >= 0xfffe
}

function bert(changes: Partial<NormalizerDefinition>): NormalizerDefinition {
  const nothing = { clean_text: false, handle_chinese_chars: false, strip_accents: false, lowercase: false }
  return { type: 'BertNormalizer', ...nothing, ...changes } as NormalizerDefinition
}
