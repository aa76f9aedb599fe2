import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import type { TokenizerDefinition } from '../definition.js'
import type { ModelDefinition } from '../subword/index.js'
import { ownTime } from '../../testing/own-time.js'
import { readFixture, tokenizerFile } from '../testing/cases.js'
import { saveTokenizer } from './save-tokenizer.js'
import { readTokenizerJson } from './tokenizer-json.js'

type Fields = Record<string, unknown>

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
  type: 'Split',
  pattern: { Regex: '\\d' },
  behavior: 'Isolated',
  invert: false,
  ...changes,
})
const template = (changes: object): object => ({
  type: 'TemplateProcessing',
  single: [{ Sequence: { id: 'A', type_id: 0 } }],
  pair: [],
  special_tokens: {},
  ...changes,
})
const wordPiece = {
  type: 'WordPiece',
  unk_token: '[UNK]',
  continuing_subword_prefix: '##',
  max_input_chars_per_word: 100,
  vocab: { '[UNK]': 0, a: 1, '##b': 2 },
}
const wordLevel = { type: 'WordLevel', vocab: { a: 0, b: 1 }, unk_token: 'a' }
const unigram = {
  type: 'Unigram',
  unk_id: 0,
  vocab: [
    ['<unk>', 0],
    ['a', -1.5],
  ],
  byte_fallback: false,
}
const emptyFile = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
}
const read = (changes: Fields, model: Fields = {}): TokenizerDefinition =>
  readTokenizerJson(tokenizerFile(changes, model))
const readWith = (model: Fields, rest: Fields = {}): TokenizerDefinition =>
  readTokenizerJson({ ...emptyFile, ...rest, model })
const saved = (definition: TokenizerDefinition): Fields => JSON.parse(saveTokenizer(definition)) as Fields

describe('tokenizer.json', () => {
  it.each([wordPiece, wordLevel, unigram])('with a model $type is read, and saved as it was', (model) => {
    const file = { ...emptyFile, model }
    expect(saved(readTokenizerJson(file))).toEqual(file)
    expect(saved(readTokenizerJson(JSON.stringify(file)))).toEqual(file)
  })

  it('says of a path that it wants the text', () => {
    expect(() => readTokenizerJson('models/tokenizer.json')).toThrow(
      "a path is not read here: give the text of the file, readFileSync(path, 'utf8')",
    )
  })

  it.each([
    ['BPE', { vocab: { a: 0, b: 1, ab: 2 }, merges: ['#version: 0.2', 'a b'] }],
    ['BPE', { merges: [['a', 'b']], vocab: { a: 0, b: 1, ab: 2 } }],
    ['WordPiece', { ...wordPiece, type: undefined }],
    ['WordLevel', { ...wordLevel, type: undefined }],
    ['WordLevel', { vocab: { a: 0 }, unk_token: 'a', continuing_subword_prefix: '##' }],
    ['Unigram', { vocab: [['a', -1]] }],
  ])('without a type is known as %s', (type, model) => {
    const definition = readWith(model)
    expect(definition.model.type).toBe(type)
    const { model: fields } = saved(definition) as { model: Fields }
    if (type === 'BPE')
      expect(fields).toEqual({
        type,
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: { a: 0, b: 1, ab: 2 },
        merges: [['a', 'b']],
      })
    if (type === 'Unigram')
      expect(fields).toEqual({ type, unk_id: null, vocab: [['a', -1]], byte_fallback: false })
  })

  it('of a pair of merges that comes twice takes the last, and of joined tokens the prefix', () => {
    const vocab = { a: 0, '##b': 1, ab: 2, '##c': 3, abc: 4, '##bc': 5 }
    const merges = [
      ['a', '##b'],
      ['##b', '##c'],
      ['ab', '##c'],
      ['a', '##b'],
    ]
    for (const fields of [
      { continuing_subword_prefix: '##', vocab, merges },
      { merges, vocab, continuing_subword_prefix: '##' },
    ])
      expect((saved(readWith({ type: 'BPE', ...fields })) as { model: Fields }).model['merges']).toEqual(
        merges.slice(1),
      )
  })

  it('has added tokens with the ids that the package gives them', () => {
    const vocab = { a: 0, b: 1, d: 3 }
    const idsOf = (tokens: object[], more: object = {}): unknown[] =>
      readWith({ ...wordLevel, vocab: { ...vocab, ...more } }, { added_tokens: tokens }).addedTokens.map(
        ({ id, content }) => [id, content],
      )
    // Numbered on from the size of the vocabulary, whatever the file says.
    expect(idsOf([{ ...added, id: 9 }], { c: 2 })).toEqual([[4, '<x>']])
    expect(
      idsOf(
        [
          { ...added, id: 6 },
          { ...added, id: 5, content: '<y>' },
        ],
        { c: 2 },
      ),
    ).toEqual([
      [4, '<x>'],
      [5, '<y>'],
    ])
    // One of the vocabulary keeps its own.
    expect(idsOf([{ ...added, id: 9, content: 'b' }], { c: 2 })).toEqual([[1, 'b']])
    // Where the next number is another token's, the file's counts.
    expect(idsOf([{ ...added, id: 2 }])).toEqual([[2, '<x>']])
    expect(() => idsOf([{ ...added, id: 3 }])).toThrow("added_tokens[0].id to be another id than that of 'd'")
    expect(idsOf([{ ...added, content: '' }])).toEqual([])
  })

  it('has a token that is added twice once, special where either says so, other flags as the last says', () => {
    const tokens = [
      { ...added, lstrip: true },
      { ...added, special: false, normalized: true },
    ]
    expect(readWith(wordLevel, { added_tokens: tokens }).addedTokens).toEqual([
      { ...added, id: 2, special: true, normalized: true },
    ])
  })

  it.each<[string, Fields, Fields?]>([
    ['version', { version: '2.0' }],
    ['truncation.max_length', { truncation: { max_length: -5 } }],
    ['padding.pad_id', { padding: {} }],
    ['padding.pad_id', { padding: { pad_id: 1e6, pad_type_id: 0, pad_token: 'x' } }],
    ['normalizer.type', { normalizer: { type: 'Nfc' } }],
    ['normalizer.normalizers[0].type', { normalizer: { type: 'Sequence', normalizers: [{ type: 'x' }] } }],
    ['pre_tokenizer.type', { pre_tokenizer: { type: 'Words' } }],
    ['behavior', { pre_tokenizer: split({ behavior: 'Kept' }) }],
    ['pattern', { pre_tokenizer: split({ pattern: {} }) }],
    ['add_prefix_space', { pre_tokenizer: { ...byteLevel, add_prefix_space: 1 } }],
    ['decoder.type', { decoder: { type: 'Words' } }],
    ['post_processor.type', { post_processor: { type: 'Words' } }],
    [
      'SpecialToken.id',
      { post_processor: template({ pair: [{ SpecialToken: { id: '<s>', type_id: 0 } }] }) },
    ],
    [
      'ids[0]',
      { post_processor: template({ special_tokens: { s: { id: 's', ids: [9999], tokens: ['s'] } } }) },
    ],
    [
      'as many ids as tokens',
      { post_processor: template({ special_tokens: { s: { id: 's', ids: [], tokens: ['s'] } } }) },
    ],
    ['added_tokens[0].special', { added_tokens: [{ ...added, special: undefined }] }],
    ['added_tokens[0].content', { added_tokens: [{ ...added, content: '\ud800' }] }],
    ['added_tokens[0].content', { added_tokens: [{ ...added, content: 'x'.repeat(2000) }] }],
    ['added_tokens[0].id', { added_tokens: [{ ...added, id: -1 }] }],
    ['without large gaps', {}, { vocab: { a: 0, b: 2 ** 31 - 3 }, merges: [] }],
    ['model.type', {}, { type: 'Words' }],
    ['model.vocab', {}, { type: 'Unigram' }],
    ['model.vocab', {}, { vocab: [], merges: [] }],
    ["model.vocab['a']", {}, { vocab: { a: 1.5 } }],
    ["model.vocab['b']", {}, { vocab: { a: 1, b: 1 }, merges: [] }],
    ['model.merges[0]', {}, { merges: ['a'] }],
    ['model.merges[0]', {}, { merges: [['a', 'b', 'c']] }],
    ["no 'ÿÿ'", {}, { merges: [['ÿ', 'ÿ']] }],
    ['model.dropout', {}, { dropout: 0.1 }],
  ])('refuses a wrong or unknown %s', (part, changes, model) => {
    expect(() => read(changes, model)).toThrow(HeedError)
    expect(() => read(changes, model)).toThrow(part)
  })

  it.each<[string, Fields]>([
    ['model.unk_token', { ...wordPiece, unk_token: undefined }],
    ['model.max_input_chars_per_word', { ...wordPiece, max_input_chars_per_word: undefined }],
    ['model.unk_token', { ...wordLevel, unk_token: null }],
    ['model.unk_id', { ...unigram, unk_id: 2 }],
    ['model.unk_id', { ...unigram, vocab: [] }],
    ['model.vocab', { ...unigram, vocab: { a: 0 } }],
    ['model.vocab[0]', { ...unigram, vocab: [['a']] }],
    ['model.vocab[0][1]', { ...unigram, vocab: [['a', '1']] }],
    [
      'model.vocab[1]',
      {
        ...unigram,
        vocab: [
          ['a', 1],
          ['a', 2],
        ],
      },
    ],
    ['model.vocab', { ...wordLevel, vocab: undefined }],
  ])('refuses a wrong %s', (part, model) => {
    expect(() => readWith(model)).toThrow(FormatError)
    expect(() => readWith(model)).toThrow(part)
  })

  it.each([['{'], [''], [null], [7], [[]], [{}]])('refuses %j', (json) => {
    expect(() => readTokenizerJson(json)).toThrow(FormatError)
  })

  it('of any content is read or refused', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('ByteLevel', 'Sequence', 'a', {}, [], null, -1, 2 ** 40),
    )
    const part = fc.constantFrom('added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder')
    const modelPart = fc.constantFrom('type', 'vocab', 'merges', 'unk_token', 'ignore_merges', 'dropout')
    fc.assert(
      fc.property(part, value, modelPart, fc.option(value), (name, wrong, modelName, modelWrong) => {
        try {
          const definition = read({ [name]: wrong }, modelWrong === null ? {} : { [modelName]: modelWrong })
          const text = saveTokenizer(definition)
          expect(saveTokenizer(readTokenizerJson(text))).toBe(text)
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
    )
  })
})

describe('a hostile tokenizer.json', () => {
  const text = (changes: object = {}, model: object = {}): string =>
    JSON.stringify(tokenizerFile(changes as Fields, model as Fields))
  const sequence = (name: string, items: unknown[]): object => ({ type: 'Sequence', [name]: items })
  const nested = (name: string, inner: unknown, depth: number): string =>
    `{"type":"Sequence","${name}":[`.repeat(depth) + JSON.stringify(inner) + ']}'.repeat(depth)
  const withPart = (name: string, part: string): string =>
    text({ [name]: 'PART' }).replace(`"${name}":"PART"`, `"${name}":${part}`)
  const nfc = { type: 'NFC' }
  const digits = { type: 'Digits', individual_digits: true }
  const addedTokens = (count: number, length: number): object[] =>
    Array.from({ length: count }, (_, i) => ({ ...added, id: 600 + i, content: `${i}`.padEnd(length) }))

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
      text({
        post_processor: template({
          single: Array(5000).fill({ SpecialToken: { id: 's', type_id: 0 } }),
          special_tokens: { s: { id: 's', ids: [1], tokens: ['s'] } },
        }),
      }),
      /1024 parts and tokens/,
    ],
    ['a million merges', text({}, { merges: Array(1e6).fill('a b') }), /a merge of tokens|786432 merges/],
    ['a million pieces', text({}, { vocab: Array.from({ length: 1e6 }, (_, i) => [`${i}`, 0]) }), /pieces/],
    ['a million values', withPart('normalizer', `[${'0,'.repeat(1e6)}0]`), /at most 131072 values/],
    ['a part twice', withPart('normalizer', 'null,"normalizer":null'), /normalizer to be there once/],
    ['a token twice', text().replace('"vocab":{', '"vocab":{"!":0,'), /vocab\['!'\] to be there once/],
    ['long added tokens', text({ added_tokens: addedTokens(1200, 1024) }), /characters in all/],
    ['a million added tokens', text({ added_tokens: addedTokens(3e5, 5) }), /in all/],
  ])('with %s is refused', (_, hostile, message) => {
    const milliseconds = ownTime(() =>
      expect(() => readTokenizerJson(hostile, 'tokenizer.json')).toThrow(FormatError),
    )
    expect(milliseconds).toBeLessThan(2000)
    expect(() => readTokenizerJson(hostile, 'tokenizer.json')).toThrow(message)
    expect(() => readTokenizerJson(hostile, 'tokenizer.json')).toThrow(/ at \d+:\d+ of 'tokenizer\.json'/)
  })

  it('is refused as parsed JSON as well, whatever it contains', () => {
    let deep: unknown = nfc
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const circle: Fields = {}
    circle['model'] = circle
    for (const value of [deep, circle, undefined, 1n, () => 1, { normalizer: deep }])
      expect(() => readTokenizerJson(value)).toThrow(FormatError)
  })

  it('cut off anywhere, or with any byte changed, is read or refused', () => {
    const { tokenizer } = readFixture('split-nfc-template')
    const bytes = new TextEncoder().encode(JSON.stringify(tokenizer))
    for (let end = 0; end < bytes.length; end += 61)
      expect(() => readTokenizerJson(bytes.subarray(0, end))).toThrow(FormatError)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = byte
        try {
          readTokenizerJson(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
    )
  })

  it('cut off at any byte of a small one is refused', () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...emptyFile, model: unigram }))
    for (let end = 0; end < bytes.length; end++)
      expect(() => readTokenizerJson(bytes.subarray(0, end))).toThrow(FormatError)
    expect(readTokenizerJson(bytes).model.type).toBe('Unigram')
  })

  it('may come with a byte order mark, in any order, with tokens named like what objects have', () => {
    const { model, ...rest } = tokenizerFile() as { model: Fields }
    const { merges, vocab, ...others } = model as { merges: unknown; vocab: Record<string, number> }
    const named = `{"__proto__":601,"constructor":602,${JSON.stringify(vocab).slice(1)}`
    const turned =
      `\ufeff{"model":{"merges":${JSON.stringify(merges)},"vocab":${named},` +
      `${JSON.stringify(others).slice(1)},${JSON.stringify(rest).slice(1)}`
    const definition = readTokenizerJson(new TextEncoder().encode(turned))
    const tokens = (definition.model as ModelDefinition).vocab
    expect([tokens.id('__proto__'), tokens.token(602), tokens.id('toString')]).toEqual([
      601,
      'constructor',
      undefined,
    ])
    const again = readTokenizerJson(saveTokenizer(definition))
    expect((again.model as ModelDefinition).vocab.id('__proto__')).toBe(601)
  })
})

describe('saveTokenizer', () => {
  it('keeps every part, and the order of ids where tokens look like numbers', () => {
    const file = tokenizerFile({
      truncation: { direction: 'Left', max_length: 5, strategy: 'OnlyFirst', stride: 1 },
      padding: {
        strategy: { Fixed: 8 },
        direction: 'Right',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '!',
      },
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
        special_tokens: { '7': { id: '7', ids: [2], tokens: ['<x>'] } },
      }),
    })
    const text = saveTokenizer(readTokenizerJson(file))
    expect(JSON.parse(text)).toEqual(file)
    expect(text.indexOf('"/": 15')).toBeLessThan(text.indexOf('"0": 16'))
    const compact = saveTokenizer(readTokenizerJson(file), { pretty: false })
    expect(JSON.parse(compact)).toEqual(file)
    expect(compact).toMatch(/^\{"version":"1.0","truncation":\{"direction":"Left",/)
  })

  it('writes numbers as Rust does', () => {
    const scores = [0, -1, -1.5, 1e-7, -0.00001, 1.2345678901234567e20, 1e16, 1e15, 0.30000000000000004]
    const file = { ...emptyFile, model: { ...unigram, vocab: scores.map((score, i) => [`${i}`, score]) } }
    const text = saveTokenizer(readTokenizerJson(file), { pretty: false })
    expect(text).toContain(
      '[["0",0.0],["1",-1.0],["2",-1.5],["3",1e-7],["4",-0.00001],["5",1.2345678901234567e+20],' +
        '["6",1e+16],["7",1000000000000000.0],["8",0.30000000000000004]]',
    )
  })
})
