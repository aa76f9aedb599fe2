import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../base/index.js'
import { ReadContext } from '../steps/component.js'
import { endOf, startOf } from '../steps/normalized-text.js'
import { type Pieces, wholePiece } from '../steps/pieces.js'
import { componentFixture, componentReference, jsonOf } from '../testing/components.js'
import { createPreTokenizer, type PreTokenizerDefinition, readPreTokenizer, spelledOut } from './index.js'

type Piece = [piece: string, start: number, end: number]

interface Cases {
  readonly texts: readonly string[]
  readonly 'pre-tokenizers': readonly {
    readonly pre_tokenizer: PreTokenizerDefinition
    readonly results: readonly (Piece[] | { readonly refused: string })[]
  }[]
}

const read = (definition: unknown): PreTokenizerDefinition =>
  readPreTokenizer(jsonOf(definition), new ReadContext(0))

function piecesOf(definition: PreTokenizerDefinition | null, text: string): Piece[] {
  return listed(createPreTokenizer(definition)(wholePiece({ text, offset: 0 })))
}

function listed(given: Pieces): Piece[] {
  const pieces = spelledOut(given)
  const { text, bounds } = pieces
  return Array.from({ length: bounds.length / 2 }, (_, i) => {
    const [start, end] = [bounds[2 * i]!, bounds[2 * i + 1]!]
    return [text.slice(start, end), startOf(pieces, start), endOf(pieces, end)]
  })
}

describe.each([
  ['the fixture', componentFixture('pre-tokenizers')],
  ['the reference (set HEED_SHARED to run)', componentReference('pre-tokenizers')],
])('%s', (_, cases) => {
  const { texts, 'pre-tokenizers': components } = (cases ?? { 'pre-tokenizers': [] }) as Cases
  it.skipIf(cases === undefined)('has the pieces that are made here', () => {
    for (const { pre_tokenizer: definition, results } of components) {
      expect(read(definition)).toEqual(definition)
      const split = createPreTokenizer(definition)
      const made = texts.map((text) => listed(split(wholePiece({ text, offset: 0 }))))
      // An empty text has no piece here. The package keeps an empty one where no step is there to drop it.
      const wanted = results.map((one, i) =>
        Array.isArray(one) ? one.filter(([piece]) => piece !== '') : made[i],
      )
      expect(made, JSON.stringify(definition)).toEqual(wanted)
    }
  })
})

describe('a file', () => {
  it('may leave out what older ones did not have', () => {
    const metaspace = { type: 'Metaspace', replacement: '_', prepend_scheme: 'always', split: true }
    expect(read({ type: 'Metaspace', replacement: '_' })).toEqual(metaspace)
    expect(read({ type: 'Metaspace', replacement: '_', str_rep: '_', add_prefix_space: true })).toEqual(
      metaspace,
    )
    expect(read({ type: 'Metaspace', replacement: '_', add_prefix_space: false, split: null })).toEqual({
      ...metaspace,
      prepend_scheme: 'never',
    })
    expect(read({ type: 'ByteLevel', add_prefix_space: true, trim_offsets: false })).toEqual({
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: false,
      use_regex: true,
    })
    expect(read({ type: 'Punctuation' })).toEqual({ type: 'Punctuation', behavior: 'Isolated' })
    expect(read({ type: 'FixedLength' })).toEqual({ type: 'FixedLength', length: 5 })
  })

  it.each([
    [{ type: 'Words' }, /expected type to be 'BertPreTokenizer' or .* found "Words"/],
    [{}, /type/],
    [{ type: 'Metaspace', replacement: 'ab' }, /expected replacement to be one character, found "ab"/],
    [
      { type: 'Metaspace', replacement: '_', add_prefix_space: false, prepend_scheme: 'first' },
      /expected add_prefix_space to be true, as prepend_scheme is 'first', found false/,
    ],
    [{ type: 'Split', pattern: 'a', behavior: 'Isolated', invert: false }, /pattern/],
    [{ type: 'Split', pattern: { Text: 'a' }, behavior: 'Isolated', invert: false }, /'String' or 'Regex'/],
    [{ type: 'Split', pattern: { String: 'a' }, behavior: 'isolated', invert: false }, /behavior/],
    [{ type: 'FixedLength', length: 0 }, /a whole number from 1 on/],
    [{ type: 'Sequence' }, /pretokenizers/],
    [{ type: '__proto__' }, /type/],
    [
      { type: 'Sequence', pretokenizers: Array.from({ length: 65 }, () => ({ type: 'Whitespace' })) },
      /at most 64 steps/,
    ],
  ])('is refused: %j', (definition, message) => {
    expect(() => read(definition)).toThrow(FormatError)
    expect(() => read(definition)).toThrow(message)
  })
})

it('stops steps that double a text again and again', () => {
  const steps = Array.from({ length: 64 }, () => ({
    type: 'ByteLevel' as const,
    add_prefix_space: false,
    trim_offsets: false,
    use_regex: false,
  }))
  expect(() => piecesOf({ type: 'Sequence', pretokenizers: steps }, 'é'.repeat(1000))).toThrow(
    'encode: expected steps that make a text at most 16 times as long, found 128000 characters made of 1000',
  )
})

describe('Metaspace', () => {
  const first: PreTokenizerDefinition = {
    type: 'Metaspace',
    replacement: '▁',
    prepend_scheme: 'first',
    split: true,
  }

  it("'first' looks at where a piece begins in the original text", () => {
    const split = createPreTokenizer(first)
    expect(listed(split(wholePiece({ text: 'a b', offset: 0 })))).toEqual([
      ['▁a', 0, 1],
      ['▁b', 1, 3],
    ])
    expect(listed(split(wholePiece({ text: 'a b', offset: 4 })))).toEqual([
      ['a', 4, 5],
      ['▁b', 5, 7],
    ])
  })

  it('puts it before each piece of the step before', () => {
    const steps: PreTokenizerDefinition = {
      type: 'Sequence',
      pretokenizers: [{ type: 'WhitespaceSplit' }, { ...first, prepend_scheme: 'always' }],
    }
    expect(piecesOf(steps, ' 😀 b\nc ')).toEqual([
      ['▁😀', 1, 3],
      ['▁b', 4, 5],
      ['▁c', 6, 7],
    ])
  })
})

describe('ByteLevel', () => {
  const byteLevel: PreTokenizerDefinition = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  }

  it('writes no bytes where no step asks for them', () => {
    const pieces = createPreTokenizer(byteLevel)(wholePiece({ text: 'é b', offset: 0 }))
    expect(pieces).toMatchObject({ text: 'é b', spelling: 'bytes' })
    expect([...pieces.bounds]).toEqual([0, 1, 1, 3])
  })

  it('spells bytes out with the place of their character, a lone surrogate as U+FFFD', () => {
    expect(piecesOf(byteLevel, 'é\ud83d')).toEqual([
      ['Ã©', 0, 1],
      ['ï¿½', 1, 2],
    ])
    const digits: PreTokenizerDefinition = { type: 'Digits', individual_digits: true }
    expect(piecesOf({ type: 'Sequence', pretokenizers: [byteLevel, digits] }, 'x½')).toEqual([
      ['x', 0, 1],
      ['Â', 1, 2],
      ['½', 1, 2],
    ])
  })
})

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'ab  12.,_▁\n\u0085\u00a0é日ー😀'),
    fc.constantFrom('\ud83d', '\ude00'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 30,
})
const behavior = fc.constantFrom(
  'Removed' as const,
  'Isolated' as const,
  'MergedWithPrevious' as const,
  'MergedWithNext' as const,
  'Contiguous' as const,
)
const pattern = fc.oneof(
  fc.constantFrom('', ' ', 'a', 'ab', '😀').map((String) => ({ String })),
  fc.constantFrom('\\s+', '\\p{L}+|\\p{N}').map((Regex) => ({ Regex })),
)
const step = fc.oneof<fc.Arbitrary<PreTokenizerDefinition>[]>(
  fc
    .constantFrom(
      'BertPreTokenizer' as const,
      'Whitespace' as const,
      'WhitespaceSplit' as const,
      'UnicodeScripts' as const,
    )
    .map((type) => ({ type })),
  behavior.map((one) => ({ type: 'Punctuation', behavior: one })),
  fc.boolean().map((one) => ({ type: 'Digits', individual_digits: one })),
  fc
    .tuple(fc.constantFrom('always' as const, 'first' as const, 'never' as const), fc.boolean())
    .map(([scheme, split]) => ({
      type: 'Metaspace',
      replacement: '▁',
      prepend_scheme: scheme,
      split,
    })),
  fc.tuple(fc.boolean(), fc.boolean()).map(([space, regex]) => ({
    type: 'ByteLevel',
    add_prefix_space: space,
    trim_offsets: true,
    use_regex: regex,
  })),
  fc.tuple(pattern, behavior, fc.boolean()).map(([found, one, invert]) => ({
    type: 'Split',
    pattern: found,
    behavior: one,
    invert,
  })),
  fc.constant({ type: 'CharDelimiterSplit', delimiter: 'é' }),
  fc.integer({ min: 1, max: 4 }).map((length) => ({ type: 'FixedLength', length })),
)

describe('of any text and settings', () => {
  it('pieces are in order, without overlap, not empty, and their places are in the text', () => {
    fc.assert(
      fc.property(text, fc.array(step, { maxLength: 3 }), (given, pretokenizers) => {
        const offset = 3
        const split = createPreTokenizer({ type: 'Sequence', pretokenizers })
        const pieces = spelledOut(split(wholePiece({ text: given, offset })))
        let last = 0
        for (let i = 0; i < pieces.bounds.length; i += 2) {
          const [start, end] = [pieces.bounds[i]!, pieces.bounds[i + 1]!]
          expect(last).toBeLessThanOrEqual(start)
          expect(start).toBeLessThan(end)
          last = end
        }
        expect(last).toBeLessThanOrEqual(pieces.text.length)
        let before = offset
        for (const [, start, end] of listed(pieces)) {
          expect(start).toBeGreaterThanOrEqual(before)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(offset + given.length)
          before = start
        }
      }),
    )
  })

  it('Removed drops exactly the matches, and the other behaviours keep all of the text', () => {
    fc.assert(
      fc.property(text, pattern, behavior, fc.boolean(), (given, found, one, invert) => {
        const cut = (behaviorOf: typeof one, inverted: boolean): string[] =>
          piecesOf({ type: 'Split', pattern: found, behavior: behaviorOf, invert: inverted }, given).map(
            ([piece]) => piece,
          )
        expect(cut(one === 'Removed' ? 'Isolated' : one, invert).join('')).toBe(given)
        const [kept, matches] = [cut('Removed', false), cut('Removed', true)]
        const parts = cut('Isolated', false)
        expect([...kept, ...matches].sort()).toEqual([...parts].sort())
        if ('String' in found && found.String !== '')
          expect(kept).toEqual(given.split(found.String).filter((piece) => piece !== ''))
      }),
    )
  })

  it('takes time in proportion to the text', () => {
    const long = 'word, 12 '.repeat(20_000)
    for (const type of ['BertPreTokenizer', 'Whitespace', 'UnicodeScripts'] as const)
      expect(piecesOf({ type }, long).length).toBeGreaterThan(0)
    const unbroken = 'x'.repeat(400_000)
    const steps = { type: 'Sequence', pretokenizers: [{ type: 'FixedLength', length: 1 }] } as const
    expect(piecesOf(steps, unbroken)).toHaveLength(unbroken.length)
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: true } as const
    expect(
      piecesOf({ type: 'Sequence', pretokenizers: [...steps.pretokenizers, metaspace] }, unbroken),
    ).toHaveLength(unbroken.length)
  })
})
