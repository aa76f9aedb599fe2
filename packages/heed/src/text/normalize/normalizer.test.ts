import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, readJson, UsageError } from '../../base/index.js'
import { ReadContext } from '../steps/component.js'
import { endOf, startOf } from '../steps/normalized-text.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import { unassignedInUnicode9 } from '../unicode/index.js'
import { createNormalizer, readNormalizer } from './index.js'
import type { NormalizerDefinition } from './index.js'

const { texts, normalizers } = JSON.parse(
  readFileSync(new URL('../fixtures/normalizers.json', import.meta.url), 'utf8'),
) as {
  readonly texts: readonly string[]
  readonly normalizers: readonly {
    readonly normalizer: NormalizerDefinition
    readonly results: readonly (readonly [string, readonly number[]])[]
  }[]
}

const read = (value: unknown): NormalizerDefinition =>
  readNormalizer(readJson(JSON.stringify(value), { operation: 'test' }), new ReadContext(0))

const normalized = (value: unknown, text: string): string =>
  createNormalizer(read(value))({ text, offset: 0 }).text

/** The places of code points, one after the other. */
function placesOf(result: NormalizedText): number[] {
  const places: number[] = []
  let at = 0
  for (const character of result.text) {
    places.push(startOf(result, at), endOf(result, at + character.length))
    at += character.length
  }
  return places
}

describe.each(
  normalizers.map(({ normalizer, results }, i) => ({ name: `${i} ${normalizer.type}`, normalizer, results })),
)('the normalizer $name of the fixture', ({ normalizer, results }) => {
  const definition = read(normalizer)
  const normalize = createNormalizer(definition)

  it('is read as it is written', () => {
    expect(definition).toEqual(normalizer)
  })

  it('gives the texts and places that the package gives', () => {
    const found = texts.map((text) => {
      const result = normalize({ text, offset: 0 })
      return [result.text, placesOf(result)]
    })
    expect(found).toEqual(results)
  })

  it('gives the same in the middle of a text, and after another step', () => {
    texts.forEach((text, i) => {
      // Each character comes from two.
      const units = Int32Array.from({ length: text.length }, (_, unit) => 2 * unit + 7)
      const moved = { text, offset: 7, starts: units, ends: units.map((unit) => unit + 2) }
      const result = normalize(moved)
      expect(result.text).toBe(results[i]![0])
      expect(placesOf(result)).toEqual(results[i]![1].map((place) => 2 * place + 7))
      expect(placesOf(normalize({ text, offset: 7 }))).toEqual(results[i]![1].map((place) => place + 7))
    })
  })
})

describe('a text that stays', () => {
  it.each(normalizers.filter(({ normalizer }) => !/Prepend|Sequence|^Replace/.test(normalizer.type)))(
    'is not made anew: $normalizer.type',
    ({ normalizer }) => {
      const input = { text: normalizer.type === 'ByteLevel' ? 'abc' : 'abc def', offset: 3 }
      expect(createNormalizer(normalizer)(input)).toBe(input)
    },
  )
})

describe('older spellings', () => {
  it.each([
    [{ type: 'Bert', clean_text: true, handle_chinese_chars: false, lowercase: true }, 'BertNormalizer'],
    [{ clean_text: true, handle_chinese_chars: false, lowercase: true }, 'BertNormalizer'],
    [{ strip_left: true, strip_right: false }, 'Strip'],
    [{ pattern: { String: 'a' }, content: 'b' }, 'Replace'],
    [{ prepend: 'a' }, 'Prepend'],
    [{ normalizers: [{ type: 'NFC', left: 'over' }] }, 'Sequence'],
  ])('%j', (value, type) => {
    expect(read(value)).toMatchObject({
      ...value,
      type,
      ...(type === 'Sequence' ? { normalizers: [{ type: 'NFC' }] } : {}),
    })
  })

  it('may leave out what BERT does with accents', () => {
    const value = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: false }
    expect(read(value)).toEqual({ ...value, strip_accents: null })
  })
})

describe('what is no normalizer', () => {
  it.each([
    [{ type: 'nfc' }],
    [{}],
    [null],
    ['NFC'],
    [{ type: 'Strip', strip_left: true }],
    [{ type: 'BertNormalizer', clean_text: true, lowercase: true }],
    [{ type: 'BertNormalizer', clean_text: 1, handle_chinese_chars: true, lowercase: true }],
    [{ type: 'Replace', pattern: 'a', content: 'b' }],
    [{ type: 'Replace', pattern: { String: 'a' } }],
    [{ type: 'Replace', pattern: { String: 'a', Regex: 'b' }, content: '' }],
    [{ type: 'Sequence', normalizers: [null] }],
    [{ type: 'Sequence', normalizers: Array.from({ length: 65 }, () => ({ type: 'NFC' })) }],
    [{ type: 'Precompiled', precompiled_charsmap: '' }],
    [{ type: 'Precompiled', precompiled_charsmap: 'AAAA' }],
    [{ type: 'Precompiled', precompiled_charsmap: '*' }],
    [{ type: 'Precompiled', precompiled_charsmap: null }],
  ])('%j is refused', (value) => {
    expect(() => read(value)).toThrow(FormatError)
  })
})

describe('normal forms', () => {
  const unit = fc.oneof(
    fc.constantFrom(
      ...'aeiouqéắ\u0301\u0323\u0307\u0334\u0345\u0344\u1100\u1161\u11a8가각\u0958\u212b\u0f73ﬁ½ﷺ',
      '\u{1d15e}',
      '\u{1f1e6}',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  const known = fc
    .string({ unit, maxLength: 30 })
    .filter((text) => [...text].every((character) => !unassignedInUnicode9.has(character.codePointAt(0)!)))

  it.each(['NFC', 'NFD', 'NFKC', 'NFKD'])(
    "%s gives JavaScript's text for characters of Unicode 9",
    (type) => {
      const normalize = createNormalizer(read({ type }))
      fc.assert(
        fc.property(known, (text) => {
          const result = normalize({ text, offset: 0 })
          expect(result.text).toBe(text.normalize(type))
          const places = placesOf(result)
          expect(places.every((place) => place >= 0 && place <= text.length)).toBe(true)
          const starts = places.filter((_, i) => i % 2 === 0)
          expect(starts).toEqual(starts.toSorted((a, b) => a - b))
        }),
        { numRuns: 300 },
      )
    },
  )

  it('takes time in proportion to a run of marks', () => {
    const text = `q${'\u0301\u0323\u0334'.repeat(100_000)}`
    const begun = performance.now()
    const decomposed = normalized({ type: 'NFC' }, text)
    expect(performance.now() - begun).toBeLessThan(1000)
    expect(decomposed).toBe(
      `q${'\u0334'.repeat(100_000)}${'\u0323'.repeat(100_000)}${'\u0301'.repeat(100_000)}`,
    )
  })
})

describe('Lowercase', () => {
  it('goes letter by letter', () => {
    expect(normalized({ type: 'Lowercase' }, 'ΑΣ ΑΣΑ İI')).toBe('ας ασα i\u0307i'.replace('ς', 'σ'))
    expect(normalized({ type: 'Lowercase' }, '\ud800A')).toBe('\ud800a')
  })
})

describe('BertNormalizer', () => {
  const bert = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true }

  it('leaves lone surrogates out, as U+FFFD', () => {
    expect(normalized(bert, 'a\ud800b')).toBe('ab')
  })

  it('gives step by step what it gives at once', () => {
    // A mark that stays, of a class of its own, makes the text difficult.
    const difficult = normalized(bert, 'Été, 字ＡÀ\u302e\t')
    expect(difficult).toBe(`${normalized(bert, 'Été, 字ＡÀ')}\u302e `)
  })
})

describe('a text that grows', () => {
  const ten = { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(10) }

  it('is refused before it takes much memory', () => {
    const value = { type: 'Sequence', normalizers: Array.from({ length: 60 }, () => ten) }
    const normalize = createNormalizer(read(value))
    expect(() => normalize({ text: 'aaa', offset: 0 })).toThrow(UsageError)
    expect(() => normalized({ ...ten, content: 'a'.repeat(2 ** 21) }, 'aaa')).toThrow(UsageError)
  })

  it('may become twenty times as long', () => {
    expect(normalized({ type: 'NFKC' }, 'ﷺ'.repeat(100_000))).toHaveLength(1_800_000)
  })
})

describe('Precompiled', () => {
  const { normalizer } = normalizers.find((one) => one.normalizer.type === 'Precompiled')!
  const charsmap = (normalizer as { readonly precompiled_charsmap: string }).precompiled_charsmap
  const bytes = Uint8Array.from(atob(charsmap), (character) => character.charCodeAt(0))
  const texts = ['The ﬁrst ½qu', 'カ\u3099\u200b', '\u200b\u00ad aß\u200b', '😀']

  it('reads any change of its rules, or refuses it', () => {
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const changed = bytes.slice()
        for (const [at, value] of changes) changed[at] = value
        const precompiled_charsmap = btoa(String.fromCharCode(...changed))
        try {
          const normalize = createNormalizer(read({ type: 'Precompiled', precompiled_charsmap }))
          for (const text of texts) expect(typeof normalize({ text, offset: 0 }).text).toBe('string')
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a trie that is cut short, and one that leads in circles for ever leads nowhere', () => {
    const cut = bytes.slice(0, 1000)
    new DataView(cut.buffer).setUint32(0, 900, true)
    expect(() => read({ ...normalizer, precompiled_charsmap: btoa(String.fromCharCode(...cut)) })).toThrow(
      FormatError,
    )
    // Every unit is the child of every other.
    const circle = new Uint8Array(4 + 4 * 65536)
    const view = new DataView(circle.buffer)
    view.setUint32(0, circle.length - 4, true)
    for (let at = 0; at < 65536; at++)
      view.setUint32(4 + 4 * at, (at & 0xff) | ((((at >> 8) + 1) % 256) << 18), true)
    let base64 = ''
    for (let at = 0; at < circle.length; at += 3 * 2 ** 12)
      base64 += btoa(String.fromCharCode(...circle.subarray(at, at + 3 * 2 ** 12)))
    expect(normalized({ type: 'Precompiled', precompiled_charsmap: base64 }, 'abc')).toBe('abc')
  })
})
