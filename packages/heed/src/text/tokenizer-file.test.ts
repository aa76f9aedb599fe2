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

  it('says of a path that it wants the text', () => {
    expect(() => loadTokenizer('models/tokenizer.json')).toThrow(
      "a path is not read here: give the text of the file, readFileSync(path, 'utf8')",
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
    ['model.type', {}, { type: 'Unigram', vocab: [['a', -1.5]], merges: undefined }],
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

describe('a hostile file', () => {
  const text = (changes: object = {}, model: object = {}): string =>
    JSON.stringify(tokenizerFile(changes as Record<string, unknown>, model as Record<string, unknown>))
  const sequence = (name: string, items: unknown[]): object => ({ type: 'Sequence', [name]: items })
  const nested = (name: string, inner: unknown, depth: number): string =>
    `{"type":"Sequence","${name}":[`.repeat(depth) + JSON.stringify(inner) + ']}'.repeat(depth)
  const withPart = (name: string, part: string): string =>
    text({ [name]: 'PART' }).replace(`"${name}":"PART"`, `"${name}":${part}`)
  const nfc = { type: 'NFC' }
  const digits = { type: 'Digits', individual_digits: true }

  it.each<[string, string, RegExp]>([
    [
      '5,000 normalizers inside of each other',
      withPart('normalizer', nested('normalizers', nfc, 5000)),
      /levels deep/,
    ],
    [
      '5,000 pre-tokenizers inside of each other',
      withPart('pre_tokenizer', nested('pretokenizers', byteLevel, 5000)),
      /levels deep/,
    ],
    [
      'a chain of 5,000 normalizers',
      text({ normalizer: sequence('normalizers', Array(5000).fill(nfc)) }),
      /64 steps/,
    ],
    [
      'a chain of 5,000 pre-tokenizers',
      text({ pre_tokenizer: sequence('pretokenizers', [...Array(5000).fill(digits), byteLevel]) }),
      /64 steps/,
    ],
    [
      'a chain of 5,000 post-processors',
      text({ post_processor: sequence('processors', Array(5000).fill(byteLevel)) }),
      /64 steps/,
    ],
    ['a million levels', withPart('normalizer', '['.repeat(1e6)), /levels deep/],
    [
      'a template of 5,000 tokens',
      text({ post_processor: template({ single: Array(5000).fill({ Sequence: { id: 'A', type_id: 0 } }) }) }),
      /1024 parts and tokens/,
    ],
    ['a million merges', text({}, { merges: Array(1e6).fill('a b') }), /at most 786432 merges/],
    ['a million values', withPart('normalizer', `[${'0,'.repeat(1e6)}0]`), /at most 524288 values/],
    ['a part twice', withPart('normalizer', 'null,"normalizer":null'), /normalizer to be there once/],
    ['a token twice', text().replace('"vocab":{', '"vocab":{"!":0,'), /vocab\['!'\] to be there once/],
    [
      'added tokens of too many characters',
      text({
        added_tokens: Array.from({ length: 1000 }, (_, i) => ({
          ...added,
          id: 600 + i,
          content: `${i}`.padEnd(1024),
        })),
      }),
      /characters in all/,
    ],
  ])('with %s is refused', (_, hostile, message) => {
    expect(() => loadTokenizer(hostile, 'tokenizer.json')).toThrow(FormatError)
    expect(() => loadTokenizer(hostile, 'tokenizer.json')).toThrow(message)
    expect(() => loadTokenizer(hostile, 'tokenizer.json')).toThrow(/ at \d+:\d+ of 'tokenizer\.json'/)
  })

  it('is refused as parsed JSON as well, whatever it contains', () => {
    let deep: unknown = nfc
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const circle: Record<string, unknown> = {}
    circle['model'] = circle
    for (const value of [deep, circle, undefined, 1n, () => 1, { normalizer: deep }])
      expect(() => loadTokenizer(value)).toThrow(FormatError)
  })

  it('cut off anywhere, or with any byte changed, is loaded or refused', () => {
    const { tokenizer } = readFixture('split-nfc-template')
    const bytes = new TextEncoder().encode(JSON.stringify(tokenizer))
    const tried = (changed: Uint8Array): void => {
      try {
        loadTokenizer(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(HeedError)
      }
    }
    for (let end = 0; end < bytes.length; end += 61)
      expect(() => loadTokenizer(bytes.subarray(0, end))).toThrow(FormatError)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = byte
        tried(changed)
      }),
    )
  })

  it('may come with a byte order mark, in any order, with tokens named like what objects have', () => {
    const { model, ...rest } = tokenizerFile() as { model: Record<string, unknown> }
    const { merges, vocab, ...others } = model as { merges: unknown; vocab: Record<string, number> }
    const named = `{"__proto__":601,"constructor":602,${JSON.stringify(vocab).slice(1)}`
    const turned =
      `\ufeff{"model":{"merges":${JSON.stringify(merges)},"vocab":${named},` +
      `${JSON.stringify(others).slice(1)},${JSON.stringify(rest).slice(1)}`
    const tokenizer = loadTokenizer(new TextEncoder().encode(turned))
    expect([tokenizer.id('__proto__'), tokenizer.token(602), tokenizer.id('toString')]).toEqual([
      601,
      'constructor',
      undefined,
    ])
    expect(caseOf(tokenizer, 'the text')).toEqual(caseOf(tokenizerWith(), 'the text'))
    expect(loadTokenizer(saveTokenizer(tokenizer)).id('__proto__')).toBe(601)
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
