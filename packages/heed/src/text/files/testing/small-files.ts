import type { TokenizerDefinition } from '../../definition.js'
import { readBertVocabulary } from '../bert-vocabulary.js'
import { readBytePairFiles } from '../byte-pair-files.js'
import { readGgufVocabulary } from '../gguf-vocabulary.js'
import { readSentencePiece } from '../sentence-piece.js'
import { readTekken } from '../tekken.js'
import { readTiktoken } from '../tiktoken.js'
import { readTokenizerFiles } from '../tokenizer-files.js'
import { readTokenizerJson } from '../tokenizer-json.js'

/** A small file of a kind that tokenizers are read from, and what reads it. */
export interface SmallFile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly read: (bytes: Uint8Array) => TokenizerDefinition
}

type Message = readonly (readonly [number, number | string | Uint8Array | { readonly float: number }])[]
type GgufValue =
  | string
  | readonly string[]
  | { readonly type: number; readonly value: number | readonly number[] }

/** What writes files of formats that several rooms read. */
export interface Writers {
  readonly protobufMessage: (fields: Message) => Uint8Array
  readonly ggufFile: (values: Readonly<Record<string, GgufValue>>) => Uint8Array
}

const utf8 = (content: unknown): Uint8Array =>
  new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content))
const flags = { single_word: false, lstrip: true, rstrip: false, normalized: true, special: true }
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
const split = { type: 'Split', pattern: { Regex: '\\s+|[a-c]{1,3}' }, behavior: 'Isolated', invert: false }

const bytePair = {
  version: '1.0',
  truncation: { direction: 'Right', max_length: 12, strategy: 'LongestFirst', stride: 3 },
  padding: {
    strategy: 'BatchLongest',
    direction: 'Left',
    pad_to_multiple_of: 8,
    pad_id: 0,
    pad_type_id: 1,
    pad_token: '<s>',
  },
  added_tokens: [{ id: 0, content: '<s>', ...flags }],
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
  pre_tokenizer: { type: 'Sequence', pretokenizers: [split, byteLevel] },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
  },
  decoder: byteLevel,
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: { '<s>': 0, a: 1, b: 2, Ġ: 3, ab: 4, Ġab: 5 },
    merges: [
      ['a', 'b'],
      ['Ġ', 'ab'],
    ],
  },
}

const empty = { version: '1.0', truncation: null, padding: null, added_tokens: [], post_processor: null }

const wordPiece = {
  ...empty,
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 1], cls: ['[CLS]', 2] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 10,
    vocab: { '[UNK]': 0, '[SEP]': 1, '[CLS]': 2, ab: 3, '##c': 4 },
  },
}

const unigram = {
  ...empty,
  normalizer: { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['▁', -2],
      ['a', -3],
      ['▁ab', -2.5],
    ],
    byte_fallback: false,
  },
}

function sentencePiece(algorithm: number, { protobufMessage }: Writers): Uint8Array {
  const pieces = [
    ['<unk>', 0, 2],
    ['<s>', 0, 3],
    ['▁', -3, 1],
    ['a', -4, 1],
    ['b', -4, 1],
    ['ab', -1, 5],
    ['▁a', -2, 1],
    ['<x>', 0, 4],
  ] as const
  return protobufMessage([
    ...pieces.map(
      ([text, float, type]) =>
        [
          1,
          protobufMessage([
            [1, text],
            [2, { float }],
            [3, type],
          ]),
        ] as const,
    ),
    [2, protobufMessage([[3, algorithm]])],
    [3, protobufMessage([[4, 0]])],
  ])
}

function gguf(model: string, more: Readonly<Record<string, GgufValue>>, { ggufFile }: Writers): Uint8Array {
  return ggufFile({
    'tokenizer.ggml.model': model,
    'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', 'a', 'b', 'ab', '▁', 'Ġ'],
    'tokenizer.ggml.token_type': { type: 5, value: [2, 3, 3, 1, 1, 1, 1, 1] },
    'tokenizer.ggml.scores': { type: 6, value: [0, 0, 0, -3, -3, -1, -2, -4] },
    ...more,
  })
}

const bytes = Array.from({ length: 256 }, (_, byte) => btoa(String.fromCharCode(byte)))

/** One of each kind. */
export const smallFiles = (writers: Writers): readonly SmallFile[] => [
  { name: 'tokenizer.json of BPE', bytes: utf8(bytePair), read: (own) => readTokenizerJson(own) },
  { name: 'tokenizer.json of WordPiece', bytes: utf8(wordPiece), read: (own) => readTokenizerJson(own) },
  { name: 'tokenizer.json of Unigram', bytes: utf8(unigram), read: (own) => readTokenizerJson(own) },
  {
    name: 'a model of SentencePiece, BPE',
    bytes: sentencePiece(2, writers),
    read: (own) => readSentencePiece(own),
  },
  {
    name: 'a model of SentencePiece, Unigram',
    bytes: sentencePiece(1, writers),
    read: (own) => readSentencePiece(own),
  },
  {
    name: 'GGUF gpt2',
    bytes: gguf('gpt2', { 'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': ['a b'] }, writers),
    read: (own) => readGgufVocabulary(own),
  },
  { name: 'GGUF llama', bytes: gguf('llama', {}, writers), read: (own) => readGgufVocabulary(own) },
  {
    name: 'GGUF t5',
    bytes: gguf('t5', { 'tokenizer.ggml.unknown_token_id': { type: 4, value: 0 } }, writers),
    read: (own) => readGgufVocabulary(own),
  },
  {
    name: 'ranks of tiktoken',
    bytes: utf8([...bytes, 'YWI='].map((token, rank) => `${token} ${rank}\n`).join('')),
    read: (own) => readTiktoken(own, { pattern: '\\S+|\\s+' }),
  },
  {
    name: 'tekken.json',
    bytes: utf8({
      config: { pattern: '\\S+|\\s+', default_vocab_size: 259, default_num_special_tokens: 2 },
      vocab: [...bytes, 'YWI='].map((token_bytes, rank) => ({ rank, token_bytes })),
    }),
    read: (own) => readTekken(own),
  },
  {
    name: 'vocab.txt',
    bytes: utf8('[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nab\n##c\né\n'),
    read: (own) => readBertVocabulary(own),
  },
  {
    name: 'vocab.json',
    bytes: utf8({ a: 0, b: 1, ab: 2, Ġ: 3, '<|endoftext|>': 4 }),
    read: (own) => readBytePairFiles(own, utf8('a b\n')),
  },
  {
    name: 'merges.txt',
    bytes: utf8('#version: 0.2\na b\nĠ ab\n'),
    read: (own) => readBytePairFiles(utf8({ a: 0, b: 1, ab: 2, Ġ: 3, Ġab: 4 }), own),
  },
  {
    name: 'tokenizer_config.json',
    bytes: utf8({
      tokenizer_class: 'BertTokenizer',
      do_lower_case: false,
      cls_token: { content: '[CLS]' },
      added_tokens_decoder: { 8: { content: '<x>', special: true } },
      model_max_length: 512,
    }),
    read: (own) => {
      const files = { 'vocab.txt': utf8('[UNK]\n[CLS]\n[SEP]\nab\n##c\n'), 'tokenizer_config.json': own }
      return readTokenizerFiles(files).definition
    },
  },
]
