import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import { TokenList } from '../steps/token-list.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { tokensOf } from './testing/placed-tokens.js'
import { plainUnigram, type PlainUnigram } from './testing/plain-unigram.js'
import { UnigramModel } from './unigram.js'

function modelOf({ pieces, unknown, hasBytes = false }: PlainUnigram): UnigramModel {
  return new UnigramModel({
    type: 'Unigram',
    unk_id: unknown,
    vocab: Vocabulary.of(pieces.map(([piece], id) => [piece, id])),
    scores: Float64Array.from(pieces, ([, score]) => score),
    byte_fallback: hasBytes,
  })
}

const characters = fc.constantFrom('a', 'b', 'c', 'é', '世', '😀', '\ufffd')
const words = fc.string({ unit: characters, minLength: 1, maxLength: 20 })
const pieces = fc
  .uniqueArray(fc.string({ unit: characters, minLength: 1, maxLength: 4 }), { maxLength: 25 })
  .chain((texts) =>
    fc.tuple(
      fc.constant(texts),
      fc.array(fc.oneof(fc.integer({ min: -4, max: 0 }), fc.double({ min: -9, max: 9, noNaN: true })), {
        minLength: texts.length,
        maxLength: texts.length,
      }),
    ),
  )
  .map(([texts, scores]) => texts.map((text, i) => [text, scores[i]!] as const))
const bytesOf = (some: number): (readonly [string, number])[] =>
  Array.from(
    { length: 256 },
    (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, -5] as const,
  ).filter((_, byte) => (byte * 7919 + some) % 11 > 0 || some === 0)

describe('Unigram', () => {
  it('finds what its definition finds, on the first look and on the second', () => {
    fc.assert(
      fc.property(
        pieces,
        words,
        fc.boolean(),
        fc.option(fc.nat(4)),
        fc.array(fc.nat(), { maxLength: 4 }),
        (some, word, hasUnknown, bytes, draws) => {
          const plain = {
            pieces: [['<unk>', 0] as const, ...some, ...(bytes === null ? [] : bytesOf(bytes))],
            unknown: hasUnknown ? 0 : null,
            hasBytes: bytes !== null,
          }
          const model = modelOf(plain)
          const barred = new Set(draws.map((draw) => draw % plain.pieces.length))
          model.bar(barred)
          for (let time = 0; time < 4; time++) {
            const allows = time % 2 === 0
            const expected = plainUnigram(plain, word, allows ? undefined : barred)
            if (expected === null)
              expect(() => tokensOf(model, word, 'characters', allows)).toThrow(HeedError)
            else expect(tokensOf(model, word, 'characters', allows)).toEqual(expected)
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  it('of equal sums keeps the one found first', () => {
    const tied = modelOf({
      pieces: [
        ['<unk>', -1],
        ['a', -1],
        ['aa', -2],
        ['ab', -1],
        ['b', 0],
      ],
      unknown: 0,
    })
    expect(tokensOf(tied, 'aab').map(([token]) => token)).toEqual(['a', 'ab'])
  })

  it('takes what is unknown together, and for a piece where it spells one', () => {
    const pieces = ['<unk>', 'a', 'xy'].map((piece) => [piece, 30] as const)
    const model = modelOf({ pieces, unknown: 0 })
    expect(tokensOf(model, 'xyza<unk>xy')).toEqual([
      ['xyz', 0, 3],
      ['a', 3, 4],
      ['<unk>xy', 4, 11],
    ])
    const ids = (word: string): number[] => {
      const list = new TokenList()
      const bounds = Int32Array.of(0, word.length)
      model.encode({ text: word, offset: 0, bounds, spelling: 'characters' }, 0, list, true)
      return [...list.ids.subarray(0, list.length)]
    }
    expect(ids('xyza')).toEqual([0, 1])
    expect(ids('axy')).toEqual([1, 2])
    expect(tokensOf(model, '\ud800a\udc00')).toEqual([
      ['\ufffd', 0, 1],
      ['a', 1, 2],
      ['\ufffd', 2, 3],
    ])
  })

  it('reads letters that stand for bytes in the byte alphabet', () => {
    const model = modelOf({
      pieces: [
        ['<unk>', 0],
        ['Ġa', -1],
        ['Ã', -1],
        ['©', -1],
      ],
      unknown: 0,
    })
    expect(tokensOf(model, ' aéb', 'bytes')).toEqual([
      ['Ġa', 0, 2],
      ['Ã', 2, 3],
      ['©', 2, 3],
      ['b', 3, 4],
    ])
  })

  it('hands long words over in parts that make no difference', () => {
    const plain = {
      pieces: [
        ['<unk>', 0],
        ['ab', -1.3],
        ['a', -1.1],
        ['abab', -2.5],
        ['ba', -1.2],
      ] as const,
      unknown: 0,
    }
    const unit = 'ababbcc baa'
    const model = modelOf(plain)
    const list = new TokenList()
    const word = unit.repeat(36_400)
    model.encode(
      { text: word, offset: 0, bounds: Int32Array.of(0, word.length), spelling: 'characters' },
      0,
      list,
      true,
    )
    const once = tokensOf(model, unit)
    expect(list.length).toBe(36_400 * once.length)
    const last = list.length - once.length
    once.forEach(([token, start, end], i) => {
      expect(list.spelled.get(last + i) ?? model.vocabulary.token(list.ids[last + i]!)).toBe(token)
      expect([list.starts[last + i], list.ends[last + i]]).toEqual([
        word.length - unit.length + start,
        word.length - unit.length + end,
      ])
    })
  })

  it('takes linear time, whatever the pieces', () => {
    const deep = Array.from({ length: 400 }, (_, i) => ['a'.repeat(i + 1), -1 - i / 100] as const)
    const model = modelOf({ pieces: [['<unk>', 0], ...deep, [`${'a'.repeat(500)}b`, -1]], unknown: 0 })
    const start = performance.now()
    expect(tokensOf(model, 'a'.repeat(40_000)).length).toBeLessThan(1000)
    expect(tokensOf(model, 'x'.repeat(400_000)).length).toBe(1)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  const refused: readonly [string, PlainUnigram][] = [
    ['a score that is no number', { pieces: [['a', NaN]], unknown: null }],
    ['an endless score', { pieces: [['a', -Infinity]], unknown: null }],
    ['an unknown id beyond the pieces', { pieces: [['a', 0]], unknown: 1 }],
    [
      'a piece that is there twice',
      {
        pieces: [
          ['a', 0],
          ['a', 1],
        ],
        unknown: null,
      },
    ],
    ['an endless piece', { pieces: [['a'.repeat(513), 0]], unknown: null }],
  ]
  test.each(refused)('%s is refused', (_, plain) => expect(() => modelOf(plain)).toThrow(FormatError))

  it('without pieces, or with an empty one, knows nothing', () => {
    expect(() => tokensOf(modelOf({ pieces: [], unknown: null }), 'a')).toThrow(/no token for 'a'/)
    expect(tokensOf(modelOf({ pieces: [['', 0]], unknown: 0 }), 'ab')).toEqual([['ab', 0, 2]])
  })
})
