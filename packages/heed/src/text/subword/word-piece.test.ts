import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { createModel } from './index.js'
import { type PlacedToken, tokensOf } from './testing/placed-tokens.js'
import { WordLevelModel } from './word-level.js'
import { WordPieceModel } from './word-piece.js'

function wordPiece(tokens: readonly string[], prefix = '##', most = 100): WordPieceModel {
  return new WordPieceModel({
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: prefix,
    max_input_chars_per_word: most,
    vocab: Vocabulary.of(tokens.map((token, id) => [token, id])),
  })
}

/** WordPiece as it is defined: the longest piece first. null: unknown, and no token for it. */
function plainWordPiece(
  tokens: ReadonlySet<string>,
  prefix: string,
  most: number,
  word: string,
): PlacedToken[] | null {
  const unknown = tokens.has('[UNK]') ? [['[UNK]', 0, word.length] as const] : null
  const characters = [...word]
  if (characters.length > most) return unknown
  const found: PlacedToken[] = []
  let place = 0
  for (let start = 0; start < characters.length;) {
    let end = characters.length
    let piece = ''
    for (; end > start; end--) {
      piece = characters.slice(start, end).join('')
      if (tokens.has(start > 0 ? prefix + piece : piece)) break
    }
    if (end === start) return unknown
    found.push([start > 0 ? prefix + piece : piece, place, (place += piece.length)])
    start = end
  }
  return found
}

const characters = fc.constantFrom('a', 'b', '#', 'é', '世', '😀')
const words = fc.string({ unit: characters, minLength: 1, maxLength: 12 })

describe('WordPiece', () => {
  it('finds what its definition finds, on the first look and on the second', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.string({ unit: characters, minLength: 1, maxLength: 3 })), {
          maxLength: 30,
        }),
        fc.constantFrom('##', '@', '', 'a', '😀'),
        fc.constantFrom(0, 2, 8, 100),
        fc.boolean(),
        fc.array(words, { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 4 }),
        (drawn, prefix, most, hasUnknown, texts, draws) => {
          const tokens = new Set(drawn.map(([isFirst, piece]) => (isFirst ? piece : prefix + piece)))
          if (hasUnknown) tokens.add('[UNK]')
          const list = [...tokens]
          const model = wordPiece(list, prefix, most)
          const barred = new Set(draws.map((draw) => draw % Math.max(1, list.length)))
          model.bar(barred)
          const free = new Set(list.filter((token, id) => token === '[UNK]' || !barred.has(id)))
          for (const allows of [true, false, true, false])
            for (const word of texts) {
              const expected = plainWordPiece(allows ? tokens : free, prefix, most, word)
              if (expected === null)
                expect(() => tokensOf(model, word, 'characters', allows)).toThrow(HeedError)
              else expect(tokensOf(model, word, 'characters', allows)).toEqual(expected)
            }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('counts characters, not code units, and reads lone surrogates as U+FFFD', () => {
    const model = wordPiece(['[UNK]', '😀', '##😀', '##\ufffd'], '##', 3)
    expect(tokensOf(model, '😀😀😀').length).toBe(3)
    expect(tokensOf(model, '😀😀😀😀')).toEqual([['[UNK]', 0, 8]])
    expect(tokensOf(model, '😀\ud83d')).toEqual([
      ['😀', 0, 2],
      ['##\ufffd', 2, 3],
    ])
  })

  it('takes linear time, and refuses only pieces that would be too long for that', () => {
    const deep = Array.from({ length: 500 }, (_, i) => `##${'a'.repeat(i)}b`)
    const model = wordPiece(['[UNK]', 'a', '##a', ...deep], '##', 1e6)
    const start = performance.now()
    expect(tokensOf(model, 'a'.repeat(40_000)).length).toBe(40_000)
    expect(tokensOf(model, `${'a'.repeat(40_000)}x`)).toEqual([['[UNK]', 0, 40_001]])
    expect(performance.now() - start).toBeLessThan(2000)
    const long = 'a'.repeat(513)
    expect(() => wordPiece([long], '##', 1000)).toThrow(FormatError)
    expect(tokensOf(wordPiece(['[UNK]', long], '##', 100), long)).toEqual([['[UNK]', 0, 513]])
  })
})

describe('WordLevel', () => {
  const vocab = Vocabulary.of([
    ['<unk>', 4],
    ['a', 2],
    ['\ufffd', 9],
    ['__proto__', 0],
  ])
  const model = new WordLevelModel({ type: 'WordLevel', vocab, unk_token: '<unk>' })

  it('knows a word or does not', () => {
    for (const word of ['a', '__proto__', '<unk>', '\ufffd'])
      expect(tokensOf(model, word)).toEqual([[word, 0, word.length]])
    expect(tokensOf(model, '\ud800')).toEqual([['\ufffd', 0, 1]])
    for (const word of ['b', 'toString', '', 'a'.repeat(100)].slice(0, 2))
      expect(tokensOf(model, word)).toEqual([['<unk>', 0, word.length]])
    model.bar(new Set([2, 4, 77]))
    expect(tokensOf(model, 'a', 'characters', false)).toEqual([['<unk>', 0, 1]])
    expect(tokensOf(model, 'a')).toEqual([['a', 0, 1]])
  })

  it('without an unknown token refuses what it does not know', () => {
    const definition = { type: 'WordLevel', vocab, unk_token: '[UNK]' } as const
    expect(() => tokensOf(createModel(definition), 'b')).toThrow(/no token for 'b'; give the vocabulary/)
    expect(() => createModel({ ...definition, type: 'toString' as 'WordLevel' })).toThrow(FormatError)
  })
})
