import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, JsonReader } from '../../base/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { mostMerges, readMerges } from './read-merges.js'
import { mostTokens, readVocabulary } from './read-vocabulary.js'
import { spelledMerges } from './spelled-merges.js'
import { mergesOf } from './testing/plain-byte-pair.js'

const options = { operation: 'loadTokenizer', file: 'tokenizer.json', length: 2 ** 27 }
const readerOf = (text: string): JsonReader => new JsonReader(text, options)
const vocabularyOf = (text: string): Vocabulary => readVocabulary(readerOf(text))
const merged = (
  vocabulary: Vocabulary,
  text: string,
  prefix: string | null = null,
): (readonly [string, string])[] => [
  ...spelledMerges(readMerges(readerOf(text), vocabulary, prefix), vocabulary),
]
/** JSON as files have it: indented or not, with characters or their escapes. */
const written = (value: unknown, indent: number, escapes: boolean): string => {
  const text = JSON.stringify(value, null, indent)
  return escapes
    ? text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : text
}
const indents = fc.constantFrom(0, 1, 2)

describe('readVocabulary', () => {
  it('reads what JSON.parse reads', () => {
    const tokens = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.nat(1e10 % 2 ** 31), {
      maxKeys: 700,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(tokens, indents, fc.boolean(), (vocab, indent, escapes) => {
        const text = written(vocab, indent, escapes)
        expect([...vocabularyOf(text)]).toEqual(Object.entries(JSON.parse(text) as object))
      }),
    )
  })

  it.each<[string, string, RegExp]>([
    ['a token twice', '{"a": 1, "b": 2, "\\u0061": 3}', /\['a'\] to be there once, found it again at 1:18/],
    [
      'a token twice, plainly',
      '{"a": 1, "b": 2, "a": 3, "c": 4}',
      /\['a'\] to be there once, found it again at 1:18/,
    ],
    ['an id that is none', '{"a": 1, "b": 02, "c": 3}', /'}'|a whole number/],
    ['a large id', `{"a": 1, "b": ${2 ** 31}}`, /\['b'\] to be a whole number from 0 to/],
    ['an id that is no number', '{"a": 1, "b": "x"}', /\['b'\] to be a number/],
    ['no end', '{"a": 1, "b": 2', /JSON with ',' or '}'/],
    ['no UTF-8 after all', '{"a": 1, "\ud800": 2}', /lone surrogates/],
  ])('refuses %s', (_, text, message) => {
    expect(() => vocabularyOf(text)).toThrow(FormatError)
    expect(() => vocabularyOf(text)).toThrow(message)
  })

  it('refuses more tokens than anybody has, after no long time', () => {
    const many = Array.from({ length: mostTokens + 1 }, (_, i) => `"${i.toString(36)}":${i}`)
    expect(() => vocabularyOf(`{${many.join(',')}}`)).toThrow(/one of at most 786432 tokens/)
    expect(vocabularyOf(`{${many.slice(1).join(',')}}`).size).toBe(mostTokens)
  })
})

describe('readMerges', () => {
  const letters = ['a', 'b', 'é', '🙂', ' ', '"', 'Ġ']
  it('reads pairs and spaced strings, whatever the layout', () => {
    const draws = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 600 })
    fc.assert(
      fc.property(draws, indents, fc.boolean(), fc.boolean(), (pairs, indent, escapes, spaced) => {
        const tokens = spaced ? letters.filter((letter) => letter !== ' ') : [...letters]
        const merges = new Map<string, readonly [string, string]>()
        for (const [l, r] of pairs) {
          const pair = [tokens[l % tokens.length]!, tokens[r % tokens.length]!] as const
          if (pair.join('').length > 30) continue
          merges.delete(pair.join('\0'))
          merges.set(pair.join('\0'), pair)
          if (!tokens.includes(pair.join(''))) tokens.push(pair.join(''))
        }
        const vocabulary = Vocabulary.of(tokens.map((token, i) => [token, i]))
        const list = [...merges.values()]
        const file = spaced ? ['#version: 0.2', ...list.map((pair) => pair.join(' '))] : list
        expect(merged(vocabulary, written(file, indent, escapes))).toEqual(list)
        expect([...spelledMerges(mergesOf(list, vocabulary), vocabulary)]).toEqual(list)
      }),
    )
  })

  const vocabulary = Vocabulary.of(['a', 'b', 'ab', '##b', 'ba', 'abab'].map((token, i) => [token, 2 * i]))

  it('lets the last of a pair count, and takes a prefix off', () => {
    expect(merged(vocabulary, '["a b", "b a", "a b"]')).toEqual([
      ['b', 'a'],
      ['a', 'b'],
    ])
    const table = readMerges(readerOf('[["a", "##b"]]'), vocabulary, '##')
    expect([...table.slots].filter((number) => number !== 0)).toEqual([6, 1, 4])
    expect(merged(vocabulary, '[]')).toEqual([])
    expect(merged(vocabulary, ' [ ] ')).toEqual([])
  })

  it.each<[string, string, RegExp]>([
    [
      'a token that is missing',
      '[["a", "b"], ["a", "c"]]',
      /\[1\] to be a merge of tokens that the vocabulary has, found no 'c'/,
    ],
    ['a joined token that is missing', '["a b", "b b"]', /\[1\] to be a merge .* found no 'bb'/],
    [
      'a left token that is missing, though the joined one is there',
      '["a b", "aba b"]',
      /\[1\] to be a merge .* found no 'aba'/,
    ],
    ['one token', '["a b", "ab"]', /\[1\] to be two tokens/],
    ['three tokens', '["a b a"]', /\[0\] to be two tokens/],
    ['nothing on the right', '["a "]', /\[0\] to be two tokens/],
    ['nothing on the left', '[" b"]', /\[0\] to be two tokens/],
    ['a list of one', '[["a", "b"], ["a"]]', /\[1\] to be two tokens/],
    ['a list of three', '[["a", "b", "a"]]', /two tokens/],
    ['a list of none', '[[]]', /\[0\] to be two tokens/],
    ['an empty token', '[["", "ab"]]', /\[0\] to be two tokens/],
    ['what is no string', '[["a", "b"], ["a", 1]]', /\[1\]\[1\] to be a string/],
    ['what is no pair', '[7]', /\[0\] to be a list/],
    ['no list', '{}', /a list/],
    ['no end', '["a b", "b a"', /JSON with ',' or '\]'/],
  ])('refuses %s', (_, text, message) => {
    const read = (): unknown => readMerges(readerOf(text), vocabulary, null)
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })

  it('refuses a right token that is shorter than the prefix, and more merges than anybody has', () => {
    expect(() => readMerges(readerOf('[["a", "b"]]'), vocabulary, '##')).toThrow(/right token of 2 bytes/)
    const many = `[${'"a b",'.repeat(mostMerges)}"a b"]`
    expect(() => readMerges(readerOf(many), vocabulary, null)).toThrow(/one of at most 786432 merges/)
  })

  it('says which, far down in a list', () => {
    const many = [...Array<string>(5000).fill('a b'), 'a x', ...Array<string>(5000).fill('a b')]
    expect(() => readMerges(readerOf(JSON.stringify(many)), vocabulary, null)).toThrow(/\[5000\] .* no 'x'/)
  })
})
