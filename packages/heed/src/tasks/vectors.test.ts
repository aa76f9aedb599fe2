import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HeedError, UsageError } from '../base/index.js'
import { convertCheckpoint, vectorRanges, vectorSimilarity } from '../models/index.js'
import {
  type FeatureExtractionPipeline,
  pipeline,
  type RerankPipeline,
  type SentenceSimilarityPipeline,
} from './index.js'
import { temporaryFolder, writeTiny } from './testing/tiny.js'

const folder = temporaryFolder()
const scorer = temporaryFolder()
let extract: FeatureExtractionPipeline
let compare: SentenceSimilarityPipeline
let rerank: RerankPipeline
let cross: RerankPipeline
beforeAll(async () => {
  await writeTiny(folder.path, { architectures: ['BertModel'] })
  await writeTiny(scorer.path, { architectures: ['BertForSequenceClassification'], num_labels: 1 })
  extract = await pipeline('feature-extraction', folder.path)
  compare = await pipeline('sentence-similarity', extract.model)
  rerank = await pipeline('rerank', extract.model)
  cross = await pipeline('rerank', scorer.path)
})
afterAll(() => {
  for (const one of [extract, cross]) one.dispose()
  for (const one of [folder, scorer]) one.remove()
})
const anyText = fc.string({ unit: 'grapheme', maxLength: 40 })

describe('feature-extraction', () => {
  test('shapes are those of transformers.js', async () => {
    const tokens = await extract('The cat sat.')
    expect(tokens.dims).toEqual([1, 8, 16])
    expect([tokens.type, tokens.data.length]).toEqual(['float32', 8 * 16])
    const lists = tokens.tolist() as number[][][]
    expect(lists[0]![3]![5]).toBe(tokens.data[3 * 16 + 5])
    const [mean] = await extract(['The cat sat.'], { pooling: 'mean', normalize: true })
    expect(mean!.dims).toEqual([1, 16])
    const bits = await extract('The cat sat.', { pooling: 'mean', quantize: true })
    expect([bits.type, bits.dims.join()]).toEqual(['int8', '1,2'])
    const each = await extract('The cat sat.', { quantize: true, precision: 'ubinary' })
    expect([each.type, each.dims.join()]).toEqual(['uint8', '1,8,2'])
    const codes = await extract('The cat sat.', {
      pooling: 'mean',
      quantize: true,
      precision: 'uint8',
      ranges: vectorRanges([mean!.data]),
    })
    expect(codes.dims).toEqual([1, 16])
  })

  test('a GGUF file of a sentence encoder names its pooling; its vectors are of length 1', async () => {
    const own = temporaryFolder()
    await writeTiny(own.path, { architectures: ['BertModel'], layer_norm_eps: 1e-12 })
    const [gguf, plain] = ['cls.gguf', 'plain.gguf'].map((name) => join(own.path, name))
    await convertCheckpoint(own.path, plain!, { type: 'f32' })
    mkdirSync(join(own.path, '1_Pooling'))
    const pooling = { word_embedding_dimension: 16, pooling_mode_cls_token: true }
    writeFileSync(join(own.path, '1_Pooling/config.json'), JSON.stringify(pooling))
    const modules = ['Transformer', 'Pooling'].map((name, idx) => ({
      idx,
      name: String(idx),
      path: idx === 0 ? '' : '1_Pooling',
      type: `sentence_transformers.models.${name}`,
    }))
    writeFileSync(join(own.path, 'modules.json'), JSON.stringify(modules))
    await convertCheckpoint(own.path, gguf!, { type: 'f32' })
    const vector = async (path: string, options: object): Promise<ArrayLike<number>> => {
      const run = await pipeline('feature-extraction', path)
      const { data } = await run('The cat sat.', options)
      run.dispose()
      return data
    }
    const found = await vector(gguf!, { pooling: 'model' })
    const expected = await vector(own.path, { pooling: 'model', normalize: true })
    expect(vectorSimilarity(found, found, 'dot')).toBeCloseTo(1, 5)
    for (let i = 0; i < 16; i++) expect(found[i]!).toBeCloseTo(expected[i]!, 5)
    // One that names none is read as it was: the mean, of whatever length.
    const mean = await vector(plain!, { pooling: 'model' })
    const ofTokens = await vector(plain!, { pooling: 'mean' })
    expect(Array.from(mean).join()).toBe(Array.from(ofTokens).join())
    expect(vectorSimilarity(mean, mean, 'dot')).toBeGreaterThan(1.1)
    own.remove()
  })

  test('batches change nothing; the mean is that of the tokens; lengths are 1 where asked', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyText, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 60 }),
        async (texts, batchTokens) => {
          const together = await extract(texts, { pooling: 'mean', batchTokens })
          for (const [i, text] of texts.entries()) {
            const alone = await extract(text, { pooling: 'mean' })
            expect(together[i]!.data.join()).toBe(alone.data.join())
            const { data, dims } = await extract(text)
            for (let at = 0; at < 16; at++) {
              let sum = 0
              for (let row = 0; row < dims[1]!; row++) sum += data[row * 16 + at]!
              expect(alone.data[at]!).toBeCloseTo(sum / dims[1]!, 4)
            }
            const unit = await extract(text, { pooling: 'mean', normalize: true })
            expect(vectorSimilarity(unit.data, unit.data, 'dot')).toBeCloseTo(1, 5)
            const cut = await extract(text, { dimensions: 5, pooling: 'mean' })
            expect(cut.data.join()).toBe(alone.data.slice(0, 5).join())
          }
        },
      ),
      { numRuns: 8 },
    )
  })

  test('attention has the filters of the text', async () => {
    const { attention } = await extract('The cat', { attention: true, pooling: 'mean' })
    expect(attention.labels).toEqual(['[CLS]', 'the', 'c', 'at', '[SEP]'])
    expect(Object.keys(attention.filters).length).toBe(2)
  })

  test.each([
    [{ pooling: 'median' }],
    [{ precision: 'int4' }],
    [{ normalize: 'yes' }],
    [{ dimensions: 0 }],
    [{ dimensions: 17 }],
    [{ dimensions: 17, pooling: 'model' }],
    [{ precision: 'int8' }],
    [{ quantize: true, precision: 'int8', pooling: 'mean' }],
    [{ prompt: 3 }],
    [{ prompt_name: 'query' }],
    [{ poling: 'mean' }],
    [{ batchTokens: 0 }],
  ])('refuses %j', (options) => expect(extract('a cat', options as never)).rejects.toThrow(UsageError))

  test('a text of 10^6 characters is cut, an emoji is read; what is no text has its error', async () => {
    const inputs = ['a'.repeat(1_000_000), '🙂', '', undefined as never, 'the cat '.repeat(100)]
    const found = await extract(inputs, { pooling: 'mean', errors: 'return' })
    expect(found.map((one) => one instanceof HeedError).join()).toBe('false,false,false,true,false')
  })
})

describe('sentence-similarity', () => {
  const sentences = ['A dog runs.', 'The cat sat on the mat.', 'Paris is a capital.']

  test('a score for each; the same text is most alike; top_k gives them in order', async () => {
    const found = await compare({ source_sentence: sentences[1]!, sentences })
    expect(found[1]).toBeCloseTo(1, 5)
    const best = await compare({ source_sentence: sentences[1]!, sentences }, { top_k: 2 })
    expect(best.length).toBe(2)
    expect(best[0]).toMatchObject({ index: 1, sentence: sentences[1] })
    const plain = found
      .map((score, index) => ({ index, score }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 2)
    expect(best.map(({ index }) => index)).toEqual(plain.map(({ index }) => index))
  })

  test('a pair has one number, both ways the same', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyText, async (text, text_pair) => {
        const there = await compare({ text, text_pair })
        const back = await compare({ text: text_pair, text_pair: text })
        expect(there).toBe(back)
        expect(Math.abs(there)).toBeLessThanOrEqual(1 + 1e-6)
        const [listed] = await compare([{ source_sentence: text, sentences: [text_pair] }])
        expect(listed![0]).toBe(there)
      }),
      { numRuns: 8 },
    )
  })

  test('attention is that of each text', async () => {
    const found = await compare({ text: 'The cat', text_pair: 'A dog' }, { attention: true })
    const names = Object.keys(found.attention.filters)
    expect(names).toContain('source.blocks.0.attention.filter')
    expect(names).toContain('sentences.0.blocks.1.attention.filter')
    expect(Object.keys(found.attention.labels)).toEqual(names)
  })

  test('no sentences, no scores; errors stand in their places', async () => {
    expect(await compare({ source_sentence: 'a', sentences: [] })).toEqual([])
    const inputs = [
      { source_sentence: 'a', sentences: ['b', 3 as never] },
      'a' as never,
      { source_sentence: 'a', sentences: 'b' as never },
      { text: 'a', pair: 'b' } as never,
      { text: 'a', text_pair: 'b' },
    ]
    const found = await compare(inputs, { errors: 'return' })
    expect(found.map((one) => one instanceof HeedError).join()).toBe('true,true,true,true,false')
    await expect(compare({ text: 'a', text_pair: 'b' }, { top_k: 0 })).rejects.toThrow(UsageError)
    await expect(compare({ text: 'a', text_pair: 'b' }, { similarity: 'sine' as never })).rejects.toThrow(
      UsageError,
    )
  })
})

/** 10⁶ characters, none, an emoji, half of one. */
const odd = [`${'x'.repeat(999)} `.repeat(1000), '', '🎉', '\ud83c']

test('a sentence of any length is compared', async () => {
  for (const text of odd) {
    const scores = await compare({ source_sentence: text, sentences: odd })
    expect(scores.map((score) => Number.isFinite(score)).join()).toBe(odd.map(() => true).join())
  }
})

describe('rerank', () => {
  test('queries and documents of any length', async () => {
    for (const text of odd)
      for (const method of ['embeddings', 'late'] as const) {
        const found = await rerank({ query: text, documents: odd }, { method })
        expect(new Set(found.map(({ index }) => index)).size).toBe(odd.length)
        expect(found.every(({ score }) => Number.isFinite(score))).toBe(true)
      }
    const found = await cross({ query: odd[0]!, documents: odd })
    expect(found.length).toBe(odd.length)
  })

  const documents = ['A dog runs.', 'The cat sat on the mat.', 'Paris is a capital.']

  test('each document once, the best first, whatever the method', async () => {
    for (const found of [
      await rerank({ query: 'the cat', documents }),
      await rerank({ query: 'the cat', documents }, { method: 'late' }),
      await cross({ query: 'the cat', documents }),
    ]) {
      expect(new Set(found.map(({ index }) => index)).size).toBe(3)
      const scores = found.map(({ score }) => score)
      expect(scores.join()).toBe([...scores].sort((a, b) => b - a).join())
      for (const { index, document } of found) expect(document).toBe(documents[index])
    }
  })

  test('late interaction of a text with itself scores the number of its tokens', async () => {
    const [found] = await rerank({ query: documents[0]!, documents: [documents[0]!] }, { method: 'late' })
    const { dims } = await extract(documents[0]!)
    expect(found!.score).toBeCloseTo(dims[1]!, 4)
  })

  test('a cross-encoder’s attention is that of the pair', async () => {
    const found = await cross({ query: 'the cat', documents }, { top_k: 1, attention: true })
    const names = Object.keys(found.attention.filters)
    expect(names.every((name) => name.startsWith(`documents.${found[0]!.index}.`))).toBe(true)
  })

  test('no documents give none; errors stand in their places', async () => {
    expect(await rerank({ query: 'a', documents: [] })).toEqual([])
    const inputs = [
      { query: 'a', documents },
      { query: 3, documents } as never,
      null as never,
      { query: 'a' } as never,
    ]
    const found = await rerank(inputs, { errors: 'return' })
    expect(found.map((one) => one instanceof HeedError).join()).toBe('false,true,true,true')
    await expect(rerank(inputs[0]!, { method: 'magic' as never })).rejects.toThrow(UsageError)
    await expect(rerank(inputs[0]!, { top_k: -1 })).rejects.toThrow(UsageError)
  })
})
