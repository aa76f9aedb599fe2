import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { Gguf, ggufHeader } from '../formats/index.js'
import {
  ggufVocabulary,
  type GgufVocabularyOptions,
  loadGgufTokenizer,
  loadTokenizer,
  type Tokenizer,
  trainTokenizer,
} from './index.js'
import { contentOf, referencePath } from './testing/reference-cases.js'

function saved(tokenizer: Tokenizer, options?: GgufVocabularyOptions): { file: Gguf; read: Tokenizer } {
  const bytes = ggufHeader(ggufVocabulary(tokenizer, options))
  return { file: new Gguf(bytes), read: loadGgufTokenizer(bytes) }
}

const key = (name: string): string => `tokenizer.ggml.${name}`

const corpus = [
  'the low and the lower and the lowest, 1234567 of them',
  "slow slower slowest: it's newer, we're newest",
  'wide wider widest und größer\n\n  two lines',
]
const texts = [...corpus, 'the newest widow', '日本 🙂 naïve', '']
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
const bytePieces = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)

/** A tokenizer as Llama's tokenizer.json has it: pieces, then all merges of what two pieces spell. */
function llamaLike(): Tokenizer {
  const pieces = [
    '▁',
    'l',
    'o',
    'w',
    'e',
    'r',
    't',
    'h',
    '▁t',
    'he',
    '▁the',
    'lo',
    'low',
    '▁low',
    'er',
    'lower',
    '▁lower',
  ]
  const vocab = ['<unk>', '<s>', '</s>', ...bytePieces, ...pieces]
  const merges = ['▁ t', 'h e', '▁t he', 'l o', 'lo w', '▁ low', 'e r', 'low er', '▁ lower', '▁low er']
  return loadTokenizer({
    added_tokens: ['<unk>', '<s>', '</s>', '<|user|>'].map((content, i) => ({
      id: i < 3 ? i : vocab.length,
      content,
      special: i < 3,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: '<s>', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 1 } },
      ],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges,
    },
  })
}

describe('a tokenizer in a GGUF file', () => {
  it('of byte-level BPE gives the same ids and has the name of its words', async () => {
    const tokenizer = await trainTokenizer(corpus, {
      model: 'BPE',
      vocabularySize: 300,
      special: ['<|end|>'],
      preTokenizer: byteLevel,
      decoder: byteLevel,
    })
    const { file, read } = saved(tokenizer, {
      size: 310,
      specials: { eos: 0, pad: 0 },
      chatTemplate: '{{ x }}',
    })
    expect([file.string(key('model')), file.string(key('pre'))]).toEqual(['gpt2', 'gpt-2'])
    expect(file.string('tokenizer.chat_template')).toBe('{{ x }}')
    expect(['eos', 'padding'].map((name) => file.number(key(`${name}_token_id`)))).toEqual([0, 0])
    expect([file.boolean(key('add_bos_token')), file.boolean(key('add_eos_token'))]).toEqual([false, false])
    for (const text of texts) expect([...read.encode(text).ids]).toEqual([...tokenizer.encode(text).ids])
    const tokens = file.strings(key('tokens'))!
    const types = file.numbers(key('token_type'))!
    expect([tokens.length, types.length]).toEqual([310, 310])
    expect([tokens[0], types[0], tokens[309], types[309], types[1]]).toEqual(['<|end|>', 3, '[PAD309]', 5, 1])
  })

  it('of Llama has scores for its merges, bytes, and what stands in front', () => {
    const tokenizer = llamaLike()
    const { file, read } = saved(tokenizer)
    expect(file.string(key('model'))).toBe('llama')
    expect(file.boolean(key('add_space_prefix'))).toBe(true)
    expect([file.number(key('bos_token_id')), file.boolean(key('add_bos_token'))]).toEqual([1, true])
    expect(file.number(key('unknown_token_id'))).toBe(0)
    const types = [...file.numbers(key('token_type'))!]
    expect([types[0], types[1], types[3], types[258], types[259], types.at(-1)]).toEqual([2, 3, 6, 6, 1, 4])
    for (const text of ['the lower low', 'é\n', 'the  lowerlower', ''])
      expect([...read.encode(text).ids], text).toEqual([...tokenizer.encode(text).ids])
  })

  it('of WordPiece has words with a mark, and nothing before what goes on', () => {
    const tokens = [
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      'low',
      '##er',
      'the',
      ',',
      '##e',
      'a',
      ...'bcdefghij'.split(''),
    ]
    const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
    const tokenizer = loadTokenizer({
      added_tokens: tokens.slice(0, 4).map((content, id) => ({ id, content, ...special })),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      },
    })
    const { file, read } = saved(tokenizer, { specials: { pad: 0 } })
    expect(file.string(key('model'))).toBe('bert')
    expect(file.strings(key('tokens'))!.slice(0, 9)).toEqual(
      '[PAD] [UNK] [CLS] [SEP] ▁low er ▁the ▁, e'.split(' '),
    )
    const ids = ['bos', 'cls', 'seperator', 'unknown', 'padding'].map((name) =>
      file.number(key(`${name}_token_id`)),
    )
    expect(ids).toEqual([2, 2, 3, 1, 0])
    for (const text of ['The lower, the', 'thee low xyz'])
      expect([...read.encode(text).ids]).toEqual([...tokenizer.encode(text).ids])
  })

  it.each<[string, () => Tokenizer | Promise<Tokenizer>, string]>([
    [
      'word by word',
      () =>
        trainTokenizer(corpus, {
          model: 'WordLevel',
          vocabularySize: 60,
          preTokenizer: { type: 'WhitespaceSplit' },
        }),
      'byte pair encoding, WordPiece or Unigram',
    ],
    [
      'that marks the ends of words',
      () =>
        trainTokenizer(corpus, {
          model: 'BPE',
          vocabularySize: 60,
          endOfWordSuffix: '</w>',
          preTokenizer: { type: 'WhitespaceSplit' },
        }),
      "llama.cpp's 'llama'",
    ],
    [
      'of words that llama.cpp does not cut',
      () =>
        trainTokenizer(corpus, {
          model: 'BPE',
          vocabularySize: 300,
          preTokenizer: { ...byteLevel, add_prefix_space: true },
        }),
      'pre-tokenizers',
    ],
  ])('%s is refused', async (_, make, message) => {
    const tokenizer = await make()
    expect(() => ggufVocabulary(tokenizer)).toThrow(UsageError)
    expect(() => ggufVocabulary(tokenizer)).toThrow(message)
  })
})

// Tokenizers of every kind: each is written so that it gives the same ids, or refused.
const folder = join(process.env['HEED_SHARED'] ?? '', 'reference/tokenizers')
const held =
  'real/gpt2 real/mistral-v1 real/minilm real/qwen3-first-2500 real/smollm2-first-2500 ' +
  'real/deepseek-v3-first-2500 made/bpe-ignore-merges made/bpe-gemma made/bpe-byte-fallback made/bpe-starcoder ' +
  'made/wordpiece-bert-cased made/wordpiece-bert-uncased'

describe.skipIf(!existsSync(folder))('tokenizers of the reference (set HEED_SHARED to run)', () => {
  const sample =
    "Hello world, I'll be there at 10:30!  two\n\nlines x1y22z333 3.14 1,000,000 naïve café def f(x): return x**2"
  test.each(held.split(' '))('%s', (name) => {
    const [kind, own] = name.split('/') as [string, string]
    const path = referencePath(join(folder, kind), own)
    if (path === undefined) return
    const tokenizer = loadTokenizer(contentOf(path))
    const off = { truncation: null, padding: null }
    const { read } = saved(tokenizer)
    expect(read.encode(sample, off).ids.join()).toBe(tokenizer.encode(sample, off).ids.join())
  })

  test('vocabularies of GGUF files are the same when they are written again', () => {
    const files = readdirSync(join(folder, 'gguf')).filter((name) => name.endsWith('.gguf'))
    expect(files.length).toBeGreaterThan(5)
    for (const name of files) {
      const bytes = readFileSync(join(folder, 'gguf', name))
      const old = new Gguf(bytes)
      const { file } = saved(loadGgufTokenizer(bytes))
      expect(file.string(key('model')), name).toBe(old.string(key('model')))
      expect(file.strings(key('tokens'))!.join('\n'), name).toBe(old.strings(key('tokens'))!.join('\n'))
      const merges = old.strings(key('merges'))
      if (merges !== undefined) expect(file.strings(key('merges'))!.join('\n'), name).toBe(merges.join('\n'))
    }
  })
})
