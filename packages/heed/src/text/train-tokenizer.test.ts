import { describe, expect, test } from 'vitest'
import { loadTokenizer, saveTokenizer, trainTokenizer, type TrainTokenizerOptions } from './index.js'

const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
const texts = [
  'the low and the lower and the lowest',
  'slow slower slowest, new newer newest',
  'wide wider widest und größer',
]

describe.each<[string, TrainTokenizerOptions]>([
  ['byte-level BPE', { model: 'BPE', vocabularySize: 300, preTokenizer: byteLevel, decoder: byteLevel }],
  [
    'BPE with ▁',
    { model: 'BPE', vocabularySize: 60, unknownToken: '<unk>', preTokenizer: metaspace, decoder: metaspace },
  ],
  [
    'BPE with </w>',
    {
      model: 'BPE',
      vocabularySize: 60,
      endOfWordSuffix: '</w>',
      preTokenizer: { type: 'WhitespaceSplit' },
      decoder: { type: 'BPEDecoder', suffix: '</w>' },
    },
  ],
  [
    'WordPiece',
    {
      model: 'WordPiece',
      vocabularySize: 70,
      preTokenizer: { type: 'WhitespaceSplit' },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
    },
  ],
  ['Unigram', { model: 'Unigram', vocabularySize: 60, preTokenizer: metaspace, decoder: metaspace }],
  ['WordLevel', { model: 'WordLevel', vocabularySize: 60, preTokenizer: { type: 'WhitespaceSplit' } }],
])('%s', (_, options) => {
  test('is a tokenizer of the texts, and the same when it was saved and loaded', async () => {
    const tokenizer = await trainTokenizer(texts, options)
    expect(tokenizer.size).toBeLessThanOrEqual(options.vocabularySize)
    const saved = saveTokenizer(tokenizer)
    const loaded = loadTokenizer(saved)
    expect(saveTokenizer(loaded)).toBe(saved)
    for (const text of [...texts, 'the newest widow']) {
      const { ids } = tokenizer.encode(text)
      expect(loaded.encode(text).ids).toEqual(ids)
      if (text !== 'the newest widow') expect(tokenizer.decode(ids)).toBe(text)
    }
  })
})

test('a special token in the texts is text, when they are learned and when they are encoded', async () => {
  const tokenizer = await trainTokenizer(['<s>ab</s>', '<s>ab</s>', '<s>ab</s>'], {
    model: 'BPE',
    vocabularySize: 40,
    special: ['<s>', '</s>'],
    preTokenizer: byteLevel,
    initialAlphabet: [],
    decoder: byteLevel,
  })
  expect([...tokenizer.encode('<s>ab').ids].filter((id) => id < 2)).toEqual([])
  expect(tokenizer.decode(tokenizer.encode('<s>ab').ids)).toBe('<s>ab')
  expect([...tokenizer.encode('<s>', { specials: 'allow' }).ids]).toEqual([0])
})
