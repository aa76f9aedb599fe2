import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeedError, UsageError } from '../../base/index.js'
import { characterOfByte } from '../byte-alphabet.js'
import { TokenList } from '../steps/token-list.js'
import { BytePairModel } from './byte-pair-model.js'
import { definitionOf, plainTokens, type PlainBytePair, tokensOf } from './testing/plain-byte-pair.js'
import type { SpelledMerge } from './spelled-merges.js'

/** Vocabularies of some letters and merges drawn at random. */
function definitions(letters: readonly string[]): fc.Arbitrary<PlainBytePair> {
  return fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 }).map((draws) => {
    const tokens = [...letters]
    const merges: SpelledMerge[] = []
    for (const [left, right] of draws) {
      const pair = [tokens[left % tokens.length]!, tokens[right % tokens.length]!] as const
      if (merges.some(([a, b]) => a === pair[0] && b === pair[1])) continue
      merges.push(pair)
      if (!tokens.includes(pair.join(''))) tokens.push(pair.join(''))
    }
    return { vocab: Object.fromEntries(tokens.map((token, i) => [token, i])), merges }
  })
}

const words = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'é', '🙂', '\ud800'), maxLength: 100 })
const spelled = (text: string): string[] =>
  [...new TextEncoder().encode(text)].map((byte) => characterOfByte[byte]!)
const wellFormed = (word: string): string => word.replaceAll('\ud800', '\ufffd')
describe('byte pair encoding', () => {
  it('gives what its definition gives: characters, cut or not', () => {
    fc.assert(
      fc.property(
        definitions(['a', 'b', 'c', '?']),
        words,
        fc.boolean(),
        fc.boolean(),
        (plain, word, cuts, has) => {
          const definition = { ...plain, unk_token: has ? '?' : null }
          const model = new BytePairModel(definitionOf(definition), cuts ? 0 : 1e6)
          const expected = plainTokens(definition, wellFormed(word), 'characters')
          // Where letters are left out, places move with them: the package that this follows has it so.
          const seen = (tokens: typeof expected): unknown => (has ? tokens : tokens.map(([token]) => token))
          for (let time = 0; time < 2; time++) expect(seen(tokensOf(model, word))).toEqual(seen(expected))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('gives what its definition gives: bytes, whole words, barred ids', () => {
    const letters = [...new Set(['a', 'b', 'c', 'd', 'é', '🙂', '\ufffd'].flatMap(spelled))]
    fc.assert(
      fc.property(
        definitions(letters),
        words,
        fc.boolean(),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 5 }),
        (plain, word, cuts, ignores, draws) => {
          const definition = { ...plain, ignore_merges: ignores }
          const tokens = Object.keys(plain.vocab).slice(letters.length)
          const barred = new Set(
            tokens.length === 0 ? [] : draws.map((draw) => tokens[draw % tokens.length]!),
          )
          const model = new BytePairModel(definitionOf(definition), cuts ? 0 : 1e6)
          model.bar(new Set([...barred].map((token) => plain.vocab[token]!)))
          const good = wellFormed(word)
          for (let time = 0; time < 2; time++) {
            expect(tokensOf(model, word, 'bytes')).toEqual(plainTokens(definition, good, 'bytes'))
            expect(tokensOf(model, word, 'bytes', false)).toEqual(
              plainTokens(definition, good, 'bytes', barred),
            )
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('merges few symbols and many alike', () => {
    fc.assert(
      fc.property(
        definitions(['a', 'b', 'c']),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 40, maxLength: 60 }),
        (plain, word) => {
          expect(tokensOf(new BytePairModel(definitionOf(plain)), word)).toEqual(
            plainTokens(plain, word, 'characters'),
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  const vocab = {
    '<unk>': 0,
    a: 1,
    b: 2,
    ab: 3,
    é: 4,
    '<0xC3>': 5,
    '<0xA8>': 6,
    '<0xE2>': 7,
    'b</w>': 8,
    'ab</w>': 9,
    '##b': 10,
    abb: 11,
  }
  const ab: SpelledMerge = ['a', 'b']
  it.each<[string, Partial<PlainBytePair>, string, (readonly [string, number, number])[]]>([
    // Each as the package tokenizers 0.23.3 has it.
    [
      'no unk: left out, later places move',
      {},
      'xéa',
      [
        ['é', 0, 2],
        ['a', 1, 2],
      ],
    ],
    [
      'unk',
      { unk_token: '<unk>' },
      'axxb',
      [
        ['a', 0, 1],
        ['<unk>', 1, 2],
        ['<unk>', 2, 3],
        ['b', 3, 4],
      ],
    ],
    [
      'fused',
      { unk_token: '<unk>', fuse_unk: true },
      'axxb',
      [
        ['a', 0, 1],
        ['<unk>', 1, 3],
        ['b', 3, 4],
      ],
    ],
    [
      'bytes',
      { byte_fallback: true },
      'aèb',
      [
        ['a', 0, 1],
        ['<0xC3>', 1, 2],
        ['<0xA8>', 1, 2],
        ['b', 2, 3],
      ],
    ],
    [
      'bytes with a hole',
      { unk_token: '<unk>', byte_fallback: true },
      '€b',
      [
        ['<unk>', 0, 1],
        ['b', 1, 2],
      ],
    ],
    [
      'unknown before bytes comes behind them',
      { unk_token: '<unk>', byte_fallback: true, fuse_unk: true },
      'xèxb',
      [
        ['<0xC3>', 0, 1],
        ['<0xA8>', 1, 2],
        ['<unk>', 1, 3],
        ['b', 3, 4],
      ],
    ],
    ['suffix', { end_of_word_suffix: '</w>', merges: [['a', 'b</w>']] }, 'ab', [['ab</w>', 0, 2]]],
    [
      'empty affixes are none',
      { end_of_word_suffix: '', continuing_subword_prefix: '' },
      'ab',
      [['ab', 0, 2]],
    ],
    [
      'prefix',
      {
        continuing_subword_prefix: '##',
        merges: [
          ['a', '##b'],
          ['ab', '##b'],
        ],
      },
      'abb',
      [['abb', 0, 3]],
    ],
    ['a whole word', { ignore_merges: true }, 'abb', [['abb', 0, 3]]],
  ])('%s', (_, changes, word, expected) => {
    const model = new BytePairModel(definitionOf({ vocab, merges: [ab], ...changes }))
    expect(tokensOf(model, word)).toEqual(expected)
    expect(tokensOf(model, word)).toEqual(expected)
  })

  it('lets no barred id out of a word, but the unknown one of what is unknown', () => {
    const model = new BytePairModel(
      definitionOf({ vocab, merges: [ab], unk_token: '<unk>', ignore_merges: true, byte_fallback: true }),
    )
    model.bar(new Set([0, 3, 4, 6, 11, 999]))
    expect(tokensOf(model, 'abb')).toEqual([['abb', 0, 3]])
    expect(tokensOf(model, 'abb', 'characters', false).map(([token]) => token)).toEqual(['a', 'b', 'b'])
    expect(tokensOf(model, 'éèx', 'characters', false)).toEqual([
      ['<unk>', 0, 1],
      ['<unk>', 1, 2],
      ['<unk>', 2, 3],
    ])
    model.bar(new Set())
    expect(tokensOf(model, 'abb', 'characters', false)).toEqual([['abb', 0, 3]])
  })

  it('says that the unknown token is missing where it is needed', () => {
    const model = new BytePairModel(definitionOf({ vocab: { a: 0 }, merges: [], unk_token: '[UNK]' }))
    expect(tokensOf(model, 'a')).toEqual([['a', 0, 1]])
    expect(() => tokensOf(model, 'x')).toThrow(HeedError)
  })

  it('goes on after words of any number: what was kept is let go', () => {
    const model = new BytePairModel(definitionOf({ vocab, merges: [ab], unk_token: '<unk>' }))
    const list = new TokenList()
    const text = Array.from({ length: 400_000 }, (_, i) => `ab${i.toString(36)}`).join('')
    const bounds: number[] = []
    for (let at = 0; at < text.length; at += 6) bounds.push(at, Math.min(text.length, at + 6))
    model.encode({ text, offset: 0, bounds: Int32Array.from(bounds), spelling: 'characters' }, 0, list, true)
    expect(list.ends[list.length - 1]).toBe(text.length)
    expect(tokensOf(model, 'ab')).toEqual([['ab', 0, 2]])
  })
})

describe('a long word', () => {
  const merges: SpelledMerge[] = [
    ['a', 'a'],
    ['aa', 'aa'],
    ['aaaa', 'aaaa'],
    ['a', 'b'],
    ['Ġ', 'a'],
  ]
  const tokens = ['a', 'b', 'x', 'Ġ', ...merges.map((pair) => pair.join(''))]
  const plain = { vocab: Object.fromEntries(tokens.map((token, i) => [token, i])), merges }

  it('of 400,000 letters takes as long as so many short ones', () => {
    const model = new BytePairModel(definitionOf(plain))
    const begin = performance.now()
    const found = tokensOf(model, 'a'.repeat(400_003), 'bytes')
    expect(performance.now() - begin).toBeLessThan(2000)
    expect(found.length).toBe(50_000 + 2)
    expect(found.slice(-2)).toEqual([
      ['aa', 400_000, 400_002],
      ['a', 400_002, 400_003],
    ])
  })

  it('is cut where no merge reaches across, whatever its length', () => {
    const model = new BytePairModel(definitionOf(plain))
    const found = tokensOf(model, ' aab'.repeat(500_000), 'bytes')
    expect(found.length).toBe(1_500_000)
    expect(found.slice(-3)).toEqual([
      ['Ġ', 1_999_996, 1_999_997],
      ['aa', 1_999_997, 1_999_999],
      ['b', 1_999_999, 2_000_000],
    ])
  })

  it('that can not be cut is refused above 2^20', () => {
    const model = new BytePairModel(definitionOf(plain))
    expect(() => tokensOf(model, 'a'.repeat(2 ** 20 + 1))).toThrow(UsageError)
    expect(tokensOf(model, 'ab')).toEqual([['ab', 0, 2]])
  })
})
