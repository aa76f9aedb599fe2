import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { vectorRanges } from '../models/index.js'
import {
  largestDifference,
  type ModelCase,
  readReference,
  referenceModels,
} from '../models/testing/reference.js'
import { pipeline, type Pooling } from './index.js'
import { temporaryFolder } from './testing/tiny.js'

const note = referenceModels === undefined ? ' (HEED_SHARED names no folder with reference/models)' : ''
type TextCase = ModelCase & {
  readonly texts: readonly string[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly ranking?: readonly number[]
  readonly truncate_dim: number
}

describe.skipIf(referenceModels === undefined)(`as sentence-transformers has it${note}`, () => {
  test('feature-extraction: poolings, lengths, dimensions, fewer bits', async () => {
    const reference = readReference('sentence-transformers-dense')
    const [texts, prompt] = reference.cases as readonly TextCase[]
    const numbers = (name: string, of = texts!): Float32Array =>
      reference.tensors.get(of.outputs[name] as string)!.toFloat32()
    const extract = await pipeline('feature-extraction', reference.folder)
    const all = (found: readonly { readonly data: ArrayLike<number> }[]): number[] =>
      found.flatMap(({ data }) => Array.from(data))
    const poolings: readonly (readonly [Pooling, string])[] = [
      ['cls', 'pooled.cls'],
      ['first_token', 'pooled.cls'],
      ['mean', 'pooled.mean'],
      ['max', 'pooled.max'],
      ['last_token', 'pooled.lasttoken'],
      ['eos', 'pooled.lasttoken'],
      ['weightedmean', 'pooled.weightedmean'],
      ['mean_sqrt_len_tokens', 'pooled.mean_sqrt_len_tokens'],
      ['model', 'embedding.mean'],
    ]
    for (const [pooling, name] of poolings) {
      const found = await extract(texts!.texts, { pooling })
      expect(largestDifference(all(found), numbers(name)), name).toBeLessThan(1e-4)
      expect(found[0]!.dims[0]).toBe(1)
    }
    const { truncate_dim: dimensions } = texts!
    const cut = await extract(texts!.texts, { pooling: 'model', dimensions })
    expect(largestDifference(all(cut), numbers('truncated'))).toBeLessThan(1e-4)
    const long = await extract(texts!.texts, { pooling: 'model', dimensions, normalize: true })
    expect(largestDifference(all(long), numbers('truncated_normalized'))).toBeLessThan(1e-4)
    const prompted = await extract(prompt!.texts, { pooling: 'model', prompt_name: 'query' })
    expect(largestDifference(all(prompted), numbers('embedding', prompt!))).toBeLessThan(1e-4)
    const vectors = (await extract(texts!.texts, { pooling: 'model' })).map(({ data }) => data)
    for (const precision of ['binary', 'ubinary', 'int8', 'uint8'] as const) {
      const found = await extract(texts!.texts, {
        pooling: 'model',
        quantize: true,
        precision,
        ranges: vectorRanges(vectors),
      })
      const expected = reference.tensors.get(texts!.outputs[`quantized.${precision}`] as string)!.toFloat32()
      const off = all(found).filter(
        (value, i) => Math.abs(value - expected[i]!) > (precision.endsWith('int8') ? 1 : 0),
      )
      expect(off.length).toBe(0)
    }
    extract.dispose()
  })

  test('rerank: scores and order of a cross-encoder', async () => {
    const reference = readReference('cross-encoder')
    const rerank = await pipeline('rerank', reference.folder)
    for (const one of (reference.cases as readonly TextCase[]).filter(({ ranking }) => ranking)) {
      const query = one.pairs[0]![0]
      const documents = one.pairs.map(([, document]) => document)
      const found = await rerank({ query, documents })
      expect(found.map(({ index }) => index).join()).toBe(one.ranking!.join())
      const scores = reference.tensors.get(one.outputs['scores'] as string)!.toFloat32()
      for (const { index, score, document } of found) {
        expect(score).toBeCloseTo(scores[index]!, 4)
        expect(document).toBe(documents[index])
      }
      const best = await rerank({ query, documents }, { top_k: 2, return_documents: false })
      expect(best.map(({ index }) => index).join()).toBe(one.ranking!.slice(0, 2).join())
      expect(best[0]).not.toHaveProperty('document')
    }
    rerank.dispose()
  })

  test('sentence-similarity: the model’s own', async () => {
    const reference = readReference('sentence-transformers-dense')
    const [texts] = reference.cases as readonly TextCase[]
    const compare = await pipeline('sentence-similarity', reference.folder)
    for (const similarity of ['cosine', 'euclidean', 'manhattan'] as const) {
      const expected = reference.tensors
        .get(texts!.outputs[`similarity.${similarity}`] as string)!
        .toFloat32()
      const found = await compare(
        { source_sentence: texts!.texts[0]!, sentences: texts!.texts },
        { similarity, prompt: '' },
      )
      expect(largestDifference(found, expected.slice(0, found.length))).toBeLessThan(1e-4)
    }
    compare.dispose()
  })

  test('rerank: by tokens, as the files of PyLate say', async () => {
    const folder = temporaryFolder()
    try {
      for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'])
        copyFileSync(join(referenceModels!, 'sentence-transformers-dense', name), join(folder.path, name))
      const write = (name: string, content: unknown): void =>
        writeFileSync(join(folder.path, name), JSON.stringify(content))
      write('modules.json', [
        { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
      ])
      write('config_sentence_transformers.json', {
        model_type: 'ColBERT',
        query_prefix: 'a ',
        document_prefix: 'b ',
        query_length: 10,
        skiplist_words: ['.'],
      })
      mkdirSync(join(folder.path, '1_Pooling'))
      const rerank = await pipeline('rerank', folder.path)
      const input = { query: 'oil crisis', documents: ['a forest.', 'The oil crisis began.'] }
      const found = await rerank(input, { attention: true })
      const { meetings, score } = found[0]!
      expect(meetings!.length).toBe(10)
      expect(meetings!.reduce((sum, { similarity }) => sum + similarity, 0)).toBeCloseTo(score, 4)
      for (const { document } of meetings!) {
        const text = input.documents[found[0]!.index]!
        expect(document.end).toBeLessThanOrEqual(text.length)
        expect(document.text).not.toBe('.')
      }
      const name = `documents.${found[0]!.index}.lateInteraction`
      const map = found.attention.filters[name]!
      expect(map.axes).toEqual(['head', 'query', 'key'])
      const own = found.attention.labels as Record<string, { query: string[]; key: string[] }>
      expect(own[name]!.query.slice(0, 2)).toEqual(['[CLS]', 'a'])
      const other = await rerank(input, { method: 'embeddings' })
      expect(other.map(({ score: cosine }) => Math.abs(cosine) <= 1.0001)).toEqual([true, true])
      await expect(rerank(input, { method: 'cross' })).rejects.toThrow('head')
      rerank.dispose()
    } finally {
      folder.remove()
    }
  })
})
