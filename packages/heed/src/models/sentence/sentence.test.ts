import { symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError, UsageError } from '../../base/index.js'
import {
  batchesByLength,
  quantizeVectors,
  readCrossEncoder,
  readSentenceEncoder,
  readSparseEncoder,
  sparseProduct,
  vectorSimilarity,
} from '../index.js'
import { tinyConfigs } from '../testing/encoders.js'
import { type Files, tinyTokenizer, withFolder, words } from '../testing/tiny-folder.js'

const plain = 'deberta, shared projections'
const modules = (...rest: readonly (readonly [type: string, path: string])[]): Files => ({
  'modules.json': [['Transformer', ''] as const, ...rest].map(([type, path], idx) => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${type}`,
  })),
})

describe('sentence embeddings', () => {
  test('without modules: the mean of the states', () => {
    withFolder(plain, {}, (folder) => {
      const encoder = readSentenceEncoder(folder)
      expect(encoder.pooling).toEqual({ modes: ['mean'], includePrompt: true })
      expect(encoder.encode([]).length).toBe(0)
      expect(encoder.encode(['a b', '']).map(({ length }) => length)).toEqual([encoder.width, encoder.width])
    })
  })

  test('prompts: by name, in full, and the default one', () => {
    const settings = { prompts: { query: 'a ', none: null }, default_prompt_name: 'query' }
    withFolder(plain, { 'config_sentence_transformers.json': settings }, (folder) => {
      const encoder = readSentenceEncoder(folder)
      const [expected] = encoder.encode(['a b'], { prompt: '' })
      for (const options of [{}, { promptName: 'query' }, { prompt: 'a ' }])
        expect([...encoder.encode(['b'], options)[0]!].join()).toBe([...expected!].join())
      expect(() => encoder.encode(['b'], { promptName: 'document' })).toThrow(UsageError)
    })
  })

  test('progress, dimensions, wrong options', () => {
    withFolder(plain, {}, (folder) => {
      const encoder = readSentenceEncoder(folder)
      const told: string[] = []
      const progress = (done: number, total: number): void => void told.push(`${done}/${total}`)
      encoder.encode(['a', 'b', 'c'], { batchTokens: 1, progress })
      expect(told).toEqual(['1/3', '2/3', '3/3'])
      expect(encoder.encode(['a'], { dimensions: 2 })[0]!.length).toBe(2)
      for (const options of [{ dimensions: 0 }, { batchTokens: 0 }, { dimension: 2 }])
        expect(() => encoder.encode(['a'], options)).toThrow(UsageError)
    })
  })

  const refused: readonly (readonly [title: string, files: Files, names: RegExp])[] = [
    ['a module outside', modules(['Pooling', '../../x']), /modules\.json/],
    ['a module at an absolute path', modules(['Pooling', '/etc']), /modules\.json/],
    ['a module on another drive', modules(['Pooling', 'C:\\x']), /modules\.json/],
    ['a path that goes up behind', modules(['Pooling', 'x\\..\\..\\y']), /modules\.json/],
    ['a module that isn’t known', modules(['LSTM', '1_LSTM']), /LSTM|modules\.json/],
    ['a pooling without its file', modules(['Pooling', '1_Pooling']), /1_Pooling/],
    ['modules that are no list', { 'modules.json': {} }, /modules\.json/],
    ['a transformer that comes later', { 'modules.json': [{ type: 'x.Pooling', path: '' }] }, /Transformer/],
    [
      'another way of pooling',
      { ...modules(['Pooling', 'p']), 'p/config.json': { pooling_mode: 'median' } },
      /pooling_mode/,
    ],
    [
      'a pooling of another width',
      { ...modules(['Pooling', 'p']), 'p/config.json': { word_embedding_dimension: 5 } },
      /word_embedding_dimension/,
    ],
    [
      'an unknown field of the pooling',
      { ...modules(['Pooling', 'p']), 'p/config.json': { pooling_mode_first: true } },
      /pooling_mode_first/,
    ],
    [
      'a dense layer of another width',
      { ...modules(['Dense', 'd']), 'd/config.json': { in_features: 1e9, out_features: 2 } },
      /in_features/,
    ],
    [
      'a dense layer of no numbers',
      { ...modules(['Dense', 'd']), 'd/config.json': { in_features: 4, out_features: 0 } },
      /out_features/,
    ],
    ['a limit of no tokens', { 'sentence_bert_config.json': { max_seq_length: 0 } }, /max_seq_length/],
    ['a limit of half a token', { 'tokenizer_config.json': { model_max_length: 1.5 } }, /model_max_length/],
    [
      'a default prompt that isn’t there',
      { 'config_sentence_transformers.json': { default_prompt_name: 'query' } },
      /default_prompt_name/,
    ],
    [
      'another similarity',
      { 'config_sentence_transformers.json': { similarity_fn_name: 'angle' } },
      /similarity_fn_name/,
    ],
    ['a tokenizer of more tokens', { 'tokenizer.json': tinyTokenizer([...words, 'd']) }, /tokenizer/],
    ['a file cut short', { 'modules.json': '[{"type": "x.Trans' }, /modules\.json/],
  ]
  test.each(refused)('%s is refused by name', (_, files, names) => {
    withFolder(plain, files, (folder) => {
      let error: unknown
      try {
        readSentenceEncoder(folder)
      } catch (found) {
        error = found
      }
      expect(error).toBeInstanceOf(FormatError)
      expect((error as Error).message).toMatch(names)
    })
  })

  test('a link that leads out of the folder is refused', () => {
    withFolder(plain, modules(['Pooling', 'link']), (folder) => {
      symlinkSync(tmpdir(), join(folder, 'link'))
      expect(() => readSentenceEncoder(folder)).toThrow(FormatError)
    })
  })
})

test('a model without the head that is needed', () => {
  withFolder(plain, {}, (folder) => {
    expect(() => readSparseEncoder(folder)).toThrow(UsageError)
    expect(() => readCrossEncoder(folder)).toThrow(UsageError)
  })
})

test('a cross-encoder: the activation, and one that isn’t known', () => {
  const named = (name: string): Files => ({
    'config.json': {
      ...tinyConfigs['bert, classification'],
      num_labels: 1,
      sentence_transformers: { activation_fn: name },
    },
  })
  const one = (name: string): number | undefined => {
    try {
      return withFolder('bert, classification', named(name), (folder) => {
        const encoder = readCrossEncoder(folder)
        return encoder.scores([['a', 'b']])[0]![0]
      })
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError)
      return undefined
    }
  }
  // The file has three labels, the configuration one.
  expect(one('torch.nn.modules.activation.Sigmoid')).toBeUndefined()
  expect(one('os.system')).toBeUndefined()
})

test('a cross-encoder of several labels gives all of them, and ranks nothing', () => {
  withFolder('bert, classification', {}, (folder) => {
    const encoder = readCrossEncoder(folder)
    expect(
      encoder
        .scores([
          ['a', 'b c'],
          ['c', ''],
        ])
        .map(({ length }) => length),
    ).toEqual([3, 3])
    expect(() => encoder.rank('a', ['b'])).toThrow(UsageError)
  })
})

test('batches have every text once, the longest first, and no more tokens than asked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 })),
      fc.integer({ min: 1, max: 120 }),
      (lengths, most) => {
        const batches = batchesByLength(lengths, most)
        const order = batches.flat()
        expect([...order].sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
        for (let i = 1; i < order.length; i++)
          expect(lengths[order[i - 1]!]!).toBeGreaterThanOrEqual(lengths[order[i]!]!)
        for (const batch of batches)
          expect(batch.length === 1 || batch.reduce((sum, i) => sum + lengths[i]!, 0) <= most).toBe(true)
      },
    ),
  )
})

test('products of sparse vectors are those of the dense ones', () => {
  const vector = fc.array(fc.nat(9), { minLength: 12, maxLength: 12 })
  const sparse = (all: readonly number[]): Parameters<typeof sparseProduct>[0] => {
    const ids = all.flatMap((weight, id) => (weight > 4 ? [id] : []))
    return { ids: Int32Array.from(ids), weights: Float32Array.from(ids, (id) => all[id]!) }
  }
  fc.assert(
    fc.property(vector, vector, (a, b) => {
      const expected = a.reduce((sum, one, i) => sum + (one > 4 && b[i]! > 4 ? one * b[i]! : 0), 0)
      expect(sparseProduct(sparse(a), sparse(b))).toBe(expected)
    }),
  )
})

test('vectors of fewer bits, and of different lengths', () => {
  expect(quantizeVectors([[0.5, -1, 2, 0, 1, 1, 1, 1, 1]], 'ubinary').map(String)).toEqual(['175,128'])
  expect(quantizeVectors([[0.5, -1]], 'binary').map(String)).toEqual(['0'])
  // A dimension in which all are alike.
  expect(
    quantizeVectors(
      [
        [1, 0],
        [1, 255],
      ],
      'uint8',
    ).map(String),
  ).toEqual(['0,0', '0,255'])
  expect(quantizeVectors([], 'int8')).toEqual([])
  expect(() => vectorSimilarity([1], [1, 2])).toThrow(UsageError)
  expect(vectorSimilarity([0, 0], [1, 2])).toBe(0)
})
