import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LetterOptions, spellWords } from './letters.js'
import { learnMerges, type MergeOptions } from './merge-learner.js'
import { type PlainMerge, plainMerges } from './testing/plain-merges.js'
import { countsOf } from './testing/words.js'
import { runSteps } from './training-steps.js'

const plain: LetterOptions = { special: [], limit: Infinity, initial: [], prefix: '', suffix: '' }

function learn(
  words: readonly (readonly [string, number])[],
  options: MergeOptions,
  letterOptions: Partial<LetterOptions> = {},
): { learned: PlainMerge[]; expected: PlainMerge[]; tokens: readonly string[] } {
  const letters = spellWords(countsOf(words), { ...plain, prefix: options.prefix, ...letterOptions })
  const { tokens, symbols, starts, counts } = letters
  const spelled = Array.from(
    counts,
    (count, word) =>
      [Array.from(symbols.subarray(starts[word], starts[word + 1]), (id) => tokens[id]!), count] as const,
  )
  const expected = plainMerges(spelled, [...tokens], options)
  const learned = runSteps(learnMerges(letters, options)).map(({ left, right, count }): PlainMerge => [
    tokens[left]!,
    tokens[right]!,
    count,
  ])
  return { learned, expected, tokens }
}

const some: MergeOptions = { vocabularySize: 40, minimumFrequency: 0, tokenLength: Infinity, prefix: '' }

describe('learnMerges', () => {
  const word = fc.string({
    unit: fc.constantFrom('a', 'b', 'c', 'é', '\u{1f600}'),
    minLength: 1,
    maxLength: 12,
  })
  const corpus = fc.uniqueArray(fc.tuple(word, fc.integer({ min: 1, max: 9 })), {
    selector: ([text]) => text,
    maxLength: 30,
  })

  test.each(['', '##'])(
    'merges and counts what a count of all pairs for each merge says; prefix "%s"',
    (prefix) => {
      fc.assert(
        fc.property(
          corpus,
          fc.record({
            vocabularySize: fc.integer({ min: 5, max: 40 }),
            minimumFrequency: fc.integer({ min: 0, max: 4 }),
            tokenLength: fc.constantFrom(Infinity, 2, 3, 5),
          }),
          fc.constantFrom('', '</w>'),
          (words, options, suffix) => {
            const { learned, expected } = learn(words, { ...options, prefix }, { suffix })
            expect(learned).toEqual(expected)
          },
        ),
        { numRuns: 60 },
      )
    },
  )

  test('a pair whose token is there already takes its id', () => {
    const { tokens, learned } = learn(
      [
        ['ab', 3],
        ['abab', 2],
      ],
      some,
      { special: ['ab'] },
    )
    expect(tokens).toEqual(['ab', 'a', 'b', 'abab'])
    expect(learned).toEqual([
      ['a', 'b', 7],
      ['ab', 'ab', 2],
    ])
  })

  test('a pair that comes up again when it has merged merges again, and its last merge counts', () => {
    // abc comes of ab + c and of a + bc.
    const { tokens, learned } = learn(
      [
        ['xabc', 5],
        ['xabcabcd', 4],
        ['bcd', 9],
      ],
      some,
    )
    expect(new Set(tokens).size).toBe(tokens.length)
    expect(new Set(learned.map(([left, right]) => `${left} ${right}`)).size).toBe(learned.length)
  })

  test('says how far it is, and does nothing more than was asked for', () => {
    const letters = spellWords(countsOf([['abcd', 2]]), plain)
    const steps = [...learnMerges(letters, { ...some, vocabularySize: 6 })]
    expect(steps).toEqual([
      { phase: 'pairs', done: 1, total: 1 },
      { phase: 'merges', done: 5, total: 6 },
      { phase: 'merges', done: 6, total: 6 },
    ])
  })
})

describe('spellWords', () => {
  const tokensOf = (words: [string, number][], options: Partial<LetterOptions>): readonly string[] =>
    spellWords(countsOf(words), { ...plain, ...options }).tokens

  test('ids: special tokens, letters by code point, letters with affixes', () => {
    expect(
      tokensOf(
        [
          ['b\u{1f600}a\uffee', 1],
          ['a', 1],
        ],
        { special: ['<s>'], prefix: '##', suffix: '</w>' },
      ),
    ).toEqual(['<s>', 'a', 'b', '\uffee', '\u{1f600}', '##a', '##\u{1f600}', 'a</w>', '##\uffee</w>'])
  })

  test('keeps the most frequent letters, of equal ones the lower, and those asked for before all', () => {
    const words: [string, number][] = [
      ['zzyyx', 2],
      ['a', 1],
    ]
    expect(tokensOf(words, { limit: 2 })).toEqual(['y', 'z'])
    expect(tokensOf(words, { limit: 3, initial: ['quite', ''] })).toEqual(['q', 'y', 'z'])
    expect(tokensOf(words, { limit: 1, initial: ['b', 'a'] })).toEqual(['a'])
  })

  test('leaves letters out that are not kept, but for special tokens of one character', () => {
    const letters = spellWords(countsOf([['abcb', 1]]), { ...plain, limit: 1, special: ['c'], prefix: '##' })
    expect(letters.tokens).toEqual(['c', 'b', '##b', '##c'])
    expect(Array.from(letters.symbols.subarray(0, letters.starts[1]))).toEqual([2, 3, 2])
  })
})
