import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../base/index.js'
import { loadTokenizer, saveTokenizer } from './index.js'
import { caseOf, readFixture, tokenizerFile, tokenizerWith } from './testing/cases.js'

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
const added = {
  id: 600,
  content: '<x>',
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
}
const split = (changes: object): object => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: '\\d' }, behavior: 'Isolated', invert: false, ...changes },
    byteLevel,
  ],
})
const template = (changes: object): object => ({
  type: 'TemplateProcessing',
  single: [{ Sequence: { id: 'A', type_id: 0 } }],
  pair: [],
  special_tokens: {},
  ...changes,
})

describe('loadTokenizer', () => {
  it('takes text and parsed JSON', () => {
    const { tokenizer } = readFixture('prefix-space')
    expect(caseOf(loadTokenizer(JSON.stringify(tokenizer)), 'a b')).toEqual(
      caseOf(loadTokenizer(tokenizer), 'a b'),
    )
  })

  it('takes merges as strings, the last of a pair counting, and older files without some fields', () => {
    const { model, ...rest } = tokenizerFile() as { model: { vocab: object; merges: string[][] } }
    const merges = ['#version: 0.2', 'Ġ t', ...model.merges.map((pair) => pair.join(' '))]
    const old = { ...rest, model: { vocab: model.vocab, merges } }
    const tokenizer = loadTokenizer(old)
    expect(tokenizer.definition.model).toEqual(tokenizerWith().definition.model)
  })

  it.each<[string, Record<string, unknown>, Record<string, unknown>?]>([
    ['version', { version: '2.0' }],
    ['truncation', { truncation: { max_length: 5 } }],
    ['padding', { padding: {} }],
    ['normalizer.type', { normalizer: { type: 'Lowercase' } }],
    ['normalizer.normalizers[0].type', { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKC' }] } }],
    ['pre_tokenizer', { pre_tokenizer: null }],
    ['pre_tokenizer.type', { pre_tokenizer: { type: 'Whitespace' } }],
    ['pre_tokenizer', { pre_tokenizer: { type: 'Sequence', pretokenizers: [] } }],
    [
      'pre_tokenizer',
      {
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [byteLevel, { type: 'Digits', individual_digits: true }],
        },
      },
    ],
    [
      'individual_digits',
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, byteLevel] } },
    ],
    ['behavior', { pre_tokenizer: split({ behavior: 'Kept' }) }],
    ['pattern.String', { pre_tokenizer: split({ pattern: { String: '' } }) }],
    ['pattern.Regex', { pre_tokenizer: split({ pattern: {} }) }],
    ['(?<=a)b', { pre_tokenizer: split({ pattern: { Regex: '(?<=a)b' } }) }],
    ['add_prefix_space', { pre_tokenizer: { ...byteLevel, add_prefix_space: 1 } }],
    ['decoder', { decoder: null }],
    ['decoder.type', { decoder: { type: 'Metaspace' } }],
    ['post_processor.type', { post_processor: { type: 'BertProcessing' } }],
    ['single', { post_processor: template({ single: [] }) }],
    [
      'SpecialToken.id',
      { post_processor: template({ pair: [{ SpecialToken: { id: '<s>', type_id: 0 } }] }) },
    ],
    [
      'token ids up to',
      { post_processor: template({ special_tokens: { s: { id: 's', ids: [9999], tokens: ['s'] } } }) },
    ],
    [
      'as many ids as tokens',
      { post_processor: template({ special_tokens: { s: { id: 's', ids: [], tokens: ['s'] } } }) },
    ],
    ['added_tokens[0].id', { added_tokens: [{ ...added, id: 5 }] }],
    ['added_tokens[0].id', { added_tokens: [{ ...added, content: 'a' }] }],
    ['added_tokens[1].id', { added_tokens: [added, { ...added, content: '<y>' }] }],
    ['added_tokens[0].special', { added_tokens: [{ ...added, special: undefined }] }],
    ['added_tokens[0].content', { added_tokens: [{ ...added, content: '\ud800' }] }],
    ['added_tokens[0].content', { added_tokens: [{ ...added, content: 'x'.repeat(2000) }] }],
    [
      'read alike',
      {
        normalizer: { type: 'NFC' },
        added_tokens: [
          { ...added, content: 'xé', normalized: true },
          { ...added, id: 601, content: 'xe\u0301', normalized: true },
        ],
      },
    ],
    ['without large gaps', { added_tokens: [{ ...added, id: 2 ** 31 - 3 }] }],
    ['model.type', {}, { type: 'WordPiece' }],
    ['model.dropout', {}, { dropout: 0.1 }],
    ['model.byte_fallback', {}, { byte_fallback: true }],
    ['model.continuing_subword_prefix', {}, { continuing_subword_prefix: '##' }],
    ['model.end_of_word_suffix', {}, { end_of_word_suffix: '</w>' }],
    ['model.vocab', {}, { vocab: [] }],
    ["model.vocab['a']", {}, { vocab: { a: 1.5 } }],
    ["model.vocab['b']", {}, { vocab: { a: 1, b: 1 } }],
    ['model.merges[0]', {}, { merges: ['a'] }],
    ['model.merges[0]', {}, { merges: [['a', 'b', 'c']] }],
    ["no 'ÿÿ'", {}, { merges: [['ÿ', 'ÿ']] }],
    ["no '<unk>'", {}, { unk_token: '<unk>' }],
  ])('refuses a wrong or unknown %s', (part, changes, model) => {
    const load = (): unknown => tokenizerWith(changes, model)
    expect(load).toThrow(HeedError)
    expect(load).toThrow(part)
  })

  it.each([['{'], [''], [null], [7], [[]], [{}]])('refuses %j', (json) => {
    expect(() => loadTokenizer(json)).toThrow(FormatError)
  })

  it('loads or refuses any file', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('ByteLevel', 'Sequence', 'a', {}, [], null, -1, 2 ** 40),
    )
    const part = fc.constantFrom('added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder')
    const modelPart = fc.constantFrom('type', 'vocab', 'merges', 'unk_token', 'ignore_merges', 'dropout')
    fc.assert(
      fc.property(part, value, modelPart, fc.option(value), (name, wrong, modelName, modelWrong) => {
        try {
          const tokenizer = tokenizerWith(
            { [name]: wrong },
            modelWrong === null ? {} : { [modelName]: modelWrong },
          )
          expect(loadTokenizer(saveTokenizer(tokenizer)).size).toBe(tokenizer.size)
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
    )
  })
})

describe('saveTokenizer', () => {
  it('keeps every part, and the order of ids where tokens look like numbers', () => {
    const file = tokenizerFile({
      added_tokens: [added],
      normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }] },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithNext', invert: true },
          { type: 'Digits', individual_digits: true },
          byteLevel,
        ],
      },
      post_processor: template({
        pair: [{ SpecialToken: { id: '7', type_id: 1 } }],
        special_tokens: { '7': { id: '7', ids: [600], tokens: ['<x>'] } },
      }),
    })
    const saved = saveTokenizer(loadTokenizer(file))
    expect(JSON.parse(saved)).toEqual(file)
    expect(saved.indexOf('"/": 15')).toBeLessThan(saved.indexOf('"0": 16'))
  })
})

describe('pre-tokenizers', () => {
  const words = (step: object, text: string): readonly string[] =>
    tokenizerWith(
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [step, byteLevel] } },
      { ignore_merges: true, vocab: vocabularyOf(text), merges: [] },
    ).encode(text).tokens
  /** Every part of a short text is a token, so that a word is one. */
  const vocabularyOf = (text: string): Record<string, number> => {
    const tokens = new Set<string>(['<|endoftext|>'])
    for (let i = 0; i < text.length; i++)
      for (let j = i + 1; j <= text.length; j++) tokens.add(text.slice(i, j))
    return Object.fromEntries([...tokens].map((token, id) => [token, id]))
  }

  it.each([
    ['Removed', false, ['the', 'final', 'countdown']],
    ['Isolated', false, ['the', '-', 'final', '-', '-', 'countdown']],
    ['MergedWithPrevious', false, ['the-', 'final-', '-', 'countdown']],
    ['MergedWithNext', false, ['the', '-final', '-', '-countdown']],
    ['Contiguous', false, ['the', '-', 'final', '--', 'countdown']],
    ['Removed', true, ['-', '-', '-']],
  ])('split: %s, invert %s', (behavior, invert, expected) => {
    for (const pattern of [{ String: '-' }, { Regex: '-' }]) {
      expect(words({ type: 'Split', pattern, behavior, invert }, 'the-final--countdown')).toEqual(expected)
    }
  })

  it('split digits off, together or one by one', () => {
    expect(words({ type: 'Digits', individual_digits: false }, 'a12b3')).toEqual(['a', '12', 'b', '3'])
    expect(words({ type: 'Digits', individual_digits: true }, 'a12b3')).toEqual(['a', '1', '2', 'b', '3'])
  })
})
