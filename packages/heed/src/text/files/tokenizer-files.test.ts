import fc from 'fast-check'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import { ggufFile } from '../../formats/testing/gguf-file.js'
import { protobufMessage } from '../../formats/testing/protobuf-message.js'
import type { TokenizerDefinition } from '../definition.js'
import { readBertVocabulary } from './bert-vocabulary.js'
import { readBytePairFiles } from './byte-pair-files.js'
import { saveTokenizer } from './save-tokenizer.js'
import { readTekken } from './tekken.js'
import { plainTokenizer } from './testing/encode.js'
import { readTokenizerFiles } from './tokenizer-files.js'
import { readTokenizerJson } from './tokenizer-json.js'

const bytes = (content: unknown): Uint8Array =>
  new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content))
const savedAs = (definition: TokenizerDefinition): Record<string, unknown> =>
  JSON.parse(saveTokenizer(definition)) as Record<string, unknown>

const vocabularyText = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', '##m', 'é', ''].join('\n')
const vocabulary = { '<|endoftext|>': 0, h: 1, e: 2, l: 3, o: 4, he: 5, ll: 6, Ġ: 7 }
const merges = '#version: 0.2\nh e\nl l\n'
const pieces = (types: readonly (readonly [string, number, number])[]): Uint8Array =>
  protobufMessage([
    ...types.map(([text, score, type]) => {
      const fields = [[1, text] as const, [2, { float: score }] as const, [3, type] as const]
      return [1, protobufMessage(fields)] as const
    }),
    [2, protobufMessage([[3, 2]])],
  ])
const model = pieces([
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['</s>', 0, 3],
  ['▁', -3, 1],
  ['a', -4, 1],
  ['▁a', -1, 1],
])

describe('vocab.txt', () => {
  it('is the vocabulary of BERT', () => {
    const definition = readBertVocabulary(bytes(vocabularyText))
    expect(savedAs(definition)['model']).toEqual({
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, '[MASK]': 4, the: 5, '##m': 6, é: 7 },
    })
    const { tokens, withSpecial } = plainTokenizer(definition)
    expect(tokens('Them é X')).toEqual(['the', '##m', '[UNK]', '[UNK]'])
    expect(withSpecial('them')).toEqual([2, 5, 6, 3])
    const cased = readBertVocabulary(bytes(vocabularyText), { lowercase: false })
    expect(plainTokenizer(cased).tokens('the The é')).toEqual(['the', '[UNK]', 'é'])
  })

  it('may end lines as Windows does, and has the last of two equal lines', () => {
    const definition = readBertVocabulary(bytes('a\r\n[UNK]\r\na\r\n'))
    expect(savedAs(definition)['model']).toMatchObject({ vocab: { '[UNK]': 1, a: 2 } })
    expect(definition.postProcessor).toBeNull()
  })

  it.each<[string, Uint8Array, string]>([
    ['without the unknown token', bytes('a\nb\n'), "no '[UNK]'"],
    ['that is no UTF-8', Uint8Array.of(0x61, 0x0a, 0xff), 'other bytes in line 2'],
    ['of a million lines', bytes('a\n'.repeat(1e6)), 'at most 786432 lines'],
  ])('%s is refused', (_, file, message) => {
    expect(() => readBertVocabulary(file)).toThrow(FormatError)
    expect(() => readBertVocabulary(file)).toThrow(message)
  })
})

describe('vocab.json and merges.txt', () => {
  it('are byte pairs as GPT-2 has them', () => {
    const { tokens, withSpecial } = plainTokenizer(readBytePairFiles(bytes(vocabulary), bytes(merges)))
    expect(tokens('hello hell')).toEqual(['he', 'll', 'o', 'Ġ', 'he', 'll'])
    expect(withSpecial('he<|endoftext|>')).toEqual([5, 0])
    const begins = readBytePairFiles(bytes(vocabulary), bytes(merges), { addBeginning: true })
    expect(plainTokenizer(begins).withSpecial('he')).toEqual([0, 5])
  })

  it.each<[string, unknown, string, string]>([
    ['that is no object', [], '', 'an object'],
    ['that is empty', {}, '', 'tokens, numbered'],
    ['with a gap', { a: 1e6 }, '', 'without large gaps'],
    ['with a merge of three', vocabulary, 'h e l\n', 'two tokens with a space between, found another line 1'],
    ['with a merge of one', vocabulary, '\nhe\n', 'found another line 2'],
    ['with a merge of other tokens', vocabulary, 'h x\n', 'a merge of tokens that vocab.json has'],
  ])('%s are refused', (_, vocab, text, message) => {
    const read = (): unknown => readBytePairFiles(bytes(vocab), bytes(text))
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })
})

describe('tekken.json', () => {
  const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)))
  const tokens = [
    ...Array.from({ length: 256 }, (_, byte) => btoa(String.fromCharCode(byte))),
    ...['he', 'll', 'hell', 'unused'].map(base64),
  ].map((token_bytes, rank) => ({ rank, token_bytes, token_str: null }))
  const config = { pattern: '\\S+|\\s+', default_vocab_size: 262, default_num_special_tokens: 3 }

  it('has special tokens first, then bytes by rank', () => {
    const { ids, withSpecial } = plainTokenizer(readTekken(bytes({ config, vocab: tokens })))
    expect(ids('hello he')).toEqual([261, 114, 35, 259])
    expect(withSpecial('he</s>')).toEqual([1, 259, 2])
    const special_tokens = [{ rank: 1, token_str: '<s>', is_control: true }]
    const named = readTekken(bytes({ config, vocab: tokens, special_tokens }))
    expect(named.addedTokens.map(({ content }) => content)).toEqual(['<SPECIAL_0>', '<s>', '<SPECIAL_2>'])
  })

  it.each<[string, object, string]>([
    ['without a configuration', { vocab: tokens }, 'config'],
    [
      'with few tokens',
      { config: { ...config, default_vocab_size: 100 }, vocab: tokens },
      'a token for each byte',
    ],
    [
      'with a rank twice',
      { config, vocab: [...tokens.slice(0, 257), { ...tokens[0]!, token_bytes: 'YWI=' }] },
      'once',
    ],
    ['with other letters', { config, vocab: [{ rank: 0, token_bytes: '*' }] }, 'bytes in base64'],
  ])('%s is refused', (_, content, message) => {
    expect(() => readTekken(bytes(content))).toThrow(FormatError)
    expect(() => readTekken(bytes(content))).toThrow(message)
  })
})

describe('the files of a tokenizer', () => {
  const config = (fields: object): Uint8Array => bytes(fields)
  const json = bytes(saveTokenizer(readBertVocabulary(bytes(vocabularyText))))

  it('are those that are there, tokenizer.json first', () => {
    const sourceOf = (files: Record<string, Uint8Array>): string => readTokenizerFiles(files).source
    const all = {
      'tokenizer.json': json,
      'tokenizer.model': model,
      'vocab.json': bytes(vocabulary),
      'merges.txt': bytes(merges),
      'vocab.txt': bytes(vocabularyText),
    }
    expect(sourceOf(all)).toBe('tokenizer.json')
    expect(sourceOf({ ...all, 'tokenizer.json': json })).toBe('tokenizer.json')
    const { 'tokenizer.json': _, ...others } = all
    expect(sourceOf(others)).toBe('tokenizer.model')
    expect(sourceOf({ 'spiece.model': model })).toBe('spiece.model')
    expect(sourceOf({ 'merges.txt': bytes(merges), 'vocab.json': bytes(vocabulary) })).toBe('vocab.json')
    expect(sourceOf({ 'vocab.txt': bytes(vocabularyText), 'model.bin': bytes('x') })).toBe('vocab.txt')
    const gguf = ggufFile({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', 'a'],
    })
    expect(sourceOf({ 'model.gguf': gguf })).toBe('model.gguf')
  })

  it('say what is missing', () => {
    expect(() => readTokenizerFiles({ 'config.json': bytes('{}') })).toThrow('found config.json')
    expect(() => readTokenizerFiles({ 'vocab.json': bytes(vocabulary) })).toThrow('merges.txt is missing')
    expect(() => readTokenizerFiles({})).toThrow('found none')
    const read = (): unknown =>
      readTokenizerFiles({
        'spiece.model': model,
        'tokenizer_config.json': config({ tokenizer_class: 'XLNetTokenizer' }),
      })
    expect(read).toThrow("'XLNetTokenizer'; put its tokenizer.json beside")
  })

  it('of SentencePiece have what their class puts around a text', () => {
    const read = (fields: object): number[] =>
      plainTokenizer(
        readTokenizerFiles({ 'tokenizer.model': model, 'tokenizer_config.json': config(fields) }).definition,
      ).withSpecial('a')
    expect(read({})).toEqual([5])
    expect(read({ tokenizer_class: 'LlamaTokenizer' })).toEqual([1, 5])
    expect(
      read({ tokenizer_class: 'LlamaTokenizerFast', add_bos_token: false, add_eos_token: true }),
    ).toEqual([5, 2])
    expect(read({ tokenizer_class: 'T5Tokenizer' })).toEqual([5, 2])
    const { definition } = readTokenizerFiles({
      'spiece.model': model,
      'tokenizer_config.json': config({ tokenizer_class: 'T5Tokenizer', extra_ids: 2 }),
    })
    expect(definition.addedTokens.slice(-2).map(({ id, content }) => [id, content])).toEqual([
      [6, '<extra_id_1>'],
      [7, '<extra_id_0>'],
    ])
  })

  it('of BERT go by do_lower_case, beside tokenizer.json too', () => {
    const fields = config({ tokenizer_class: 'BertTokenizer', do_lower_case: false, model_max_length: 512 })
    for (const files of [{ 'vocab.txt': bytes(vocabularyText) }, { 'tokenizer.json': json }]) {
      const read = readTokenizerFiles({ ...files, 'tokenizer_config.json': fields })
      expect(savedAs(read.definition)['normalizer']).toMatchObject({ lowercase: false, strip_accents: null })
      expect(read.config.maxLength).toBe(512)
    }
  })

  it('of RoBERTa, CLIP and Qwen2 are known by their class', () => {
    const read = (fields: object): Record<string, unknown> =>
      savedAs(
        readTokenizerFiles({
          'vocab.json': bytes({ ...vocabulary, '<s>': 8, '</s>': 9, '<|startoftext|>': 10 }),
          'merges.txt': bytes(merges),
          'tokenizer_config.json': config(fields),
        }).definition,
      )
    expect(read({ tokenizer_class: 'RobertaTokenizer' })['post_processor']).toEqual({
      type: 'RobertaProcessing',
      sep: ['</s>', 9],
      cls: ['<s>', 8],
      trim_offsets: true,
      add_prefix_space: false,
    })
    expect(read({ tokenizer_class: 'CLIPTokenizer' })['model']).toMatchObject({ end_of_word_suffix: '</w>' })
    expect(read({ tokenizer_class: 'Qwen2Tokenizer' })['normalizer']).toEqual({ type: 'NFC' })
    expect(() => read({ tokenizer_class: 'MarianTokenizer' })).toThrow("'MarianTokenizer'")
  })

  it('add tokens, and make tokens special', () => {
    const { definition, config: read } = readTokenizerFiles({
      'tokenizer.json': json,
      'added_tokens.json': bytes({ '<tool>': 8, the: 5 }),
      'special_tokens_map.json': bytes({
        cls_token: '[CLS]',
        additional_special_tokens: [{ content: '<tool>' }],
      }),
      'tokenizer_config.json': bytes({
        added_tokens_decoder: { 9: { content: '<end>', lstrip: true, special: true } },
        model_max_length: 1e30,
        chat_template: [{ name: 'default', template: '{{ x }}' }],
      }),
    })
    const shown = definition.addedTokens.slice(5).map((token) => [token.id, token.content, token.special])
    expect(shown).toEqual([
      [5, 'the', false],
      [8, '<tool>', true],
      [9, '<end>', true],
    ])
    expect([read.maxLength, read.chatTemplate, read.specials.cls]).toEqual([undefined, '{{ x }}', '[CLS]'])
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['with the id of another', { 'added_tokens.json': { '<x>': 5 } }, "5, that of 'the'"],
    ['with a gap', { 'added_tokens.json': { '<x>': 1e6 } }, 'an id of its own'],
    [
      'with names for ids',
      { 'tokenizer_config.json': { added_tokens_decoder: { a: {} } } },
      'named by its id',
    ],
    ['of another kind', { 'special_tokens_map.json': { cls_token: 5 } }, 'cls_token'],
    ['that are no JSON', { 'tokenizer_config.json': '{' }, 'tokenizer_config.json'],
  ])('%s are refused', (_, files, message) => {
    const all = Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytes(content)]))
    const read = (): unknown => readTokenizerFiles({ 'tokenizer.json': json, ...all })
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })

  it('that begin and end texts otherwise than tokenizer.json say so', () => {
    const llama = savedAs(readTokenizerFiles({ 'tokenizer.model': model }).definition)
    const read = (fields: object): unknown =>
      savedAs(
        readTokenizerFiles({
          'tokenizer.json': bytes(llama),
          'tokenizer_config.json': bytes({ tokenizer_class: 'LlamaTokenizer', ...fields }),
        }).definition,
      )['post_processor']
    expect(read({})).toBeNull()
    const names = { bos_token: { content: '<s>' }, eos_token: '</s>' }
    expect(read({ ...names, add_bos_token: true, add_eos_token: false })).toMatchObject({
      single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
    })
  })

  it('of any content are read or refused', () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('[CLS]', 'BertTokenizer', true, 5, '', {}, []))
    const name = fc.constantFrom('tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json')
    const field = fc.constantFrom(
      'tokenizer_class',
      'cls_token',
      'added_tokens_decoder',
      'chat_template',
      '<x>',
    )
    fc.assert(
      fc.property(name, field, value, (file, key, content) => {
        try {
          readTokenizerFiles({ 'tokenizer.json': json, [file]: bytes({ [key]: content }) })
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
    )
  })
})

const shared = process.env['HEED_SHARED']
const root = shared === undefined ? '' : join(shared, 'reference', 'tokenizers', 'real')
type Json = { model: { vocab: Record<string, number>; merges: string[][] } } & Record<string, unknown>

describe.skipIf(!existsSync(root))('older files of the reference (set HEED_SHARED to run)', () => {
  const read = (name: string): Json =>
    JSON.parse(gunzipSync(readFileSync(join(root, name, 'tokenizer.json.gz'))).toString()) as Json

  it.each(['gpt2', 'clip'])('%s: vocab.json and merges.txt become the tokenizer.json', (name) => {
    const file = read(name)
    const { vocab, merges: pairs } = file.model
    const text = ['#version: 0.2', ...pairs.map((pair) => pair.join(' '))].join('\n')
    const className = name === 'gpt2' ? 'GPT2Tokenizer' : 'CLIPTokenizer'
    const { definition } = readTokenizerFiles({
      'vocab.json': bytes(vocab),
      'merges.txt': bytes(text),
      'tokenizer_config.json': bytes({ tokenizer_class: className, add_prefix_space: false }),
    })
    const { added_tokens, post_processor, ...rest } = savedAs(definition)
    const { added_tokens: _, post_processor: __, ...expected } = savedAs(readTokenizerJson(file))
    expect(rest).toEqual(expected)
    expect([added_tokens, post_processor]).toBeTruthy()
  })

  it('minilm: vocab.txt becomes the tokenizer.json', () => {
    const file = read('minilm')
    const lines = Object.entries(file.model.vocab).sort((a, b) => a[1] - b[1])
    const definition = readBertVocabulary(bytes(lines.map(([token]) => `${token}\n`).join('')))
    const expected = savedAs(readTokenizerJson({ ...file, truncation: null, padding: null }))
    expect(savedAs(definition)).toEqual(expected)
  })
})
