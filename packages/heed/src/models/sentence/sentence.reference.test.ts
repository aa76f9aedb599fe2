import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  poolingModes,
  quantizeVectors,
  readCrossEncoder,
  readSentenceEncoder,
  readSparseEncoder,
  vectorRanges,
  vectorSimilarity,
} from '../index.js'
import { tolerance, withLegacy } from '../testing/difference.js'
import {
  integersOf,
  largestDifference,
  type ModelCase,
  readReference,
  referenceModels,
} from '../testing/reference.js'
import { tokensOf } from './tokens.js'

interface TextCase extends ModelCase {
  readonly texts: readonly string[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly ranking?: readonly number[]
  readonly prompt_name?: string
  readonly prompt_positions?: number
  readonly truncate_dim?: number
}

interface Reference {
  readonly folder: string
  readonly cases: readonly TextCase[]
  readonly numbers: (of: TextCase, output: string) => Float32Array
  readonly ids: (of: TextCase) => number[][]
}

function read(name: string): Reference {
  const reference = readReference(name)
  return {
    folder: reference.folder,
    cases: reference.cases as readonly TextCase[],
    numbers: (of, output) => reference.tensors.get(of.outputs[output] as string)!.toFloat32(),
    ids: (of) => {
      const ids = integersOf(reference, of.inputs['input_ids']!)
      const real = integersOf(reference, of.inputs['attention_mask']!)
      const length = ids.shape[1]!
      return Array.from({ length: ids.shape[0]! }, (_, row) =>
        Array.from(ids.values.subarray(row * length, (row + 1) * length)).filter(
          (__, i) => real.values[row * length + i] === 1,
        ),
      )
    },
  }
}

const flat = (vectors: readonly ArrayLike<number>[]): number[] => vectors.flatMap((one) => Array.from(one))

function expectNear(found: readonly ArrayLike<number>[], expected: Float32Array): void {
  expect(largestDifference(flat(found), expected)).toBeLessThan(tolerance)
}

/** Runs `use` with a copy of the folder in which a file stands in the place of another. */
function withFile<T>(folder: string, from: string, to: string, use: (folder: string) => T): T {
  return withFiles(folder, [[from, to]], use)
}

function withFiles<T>(
  folder: string,
  files: readonly (readonly [from: string, to: string])[],
  use: (folder: string) => T,
): T {
  const copy = mkdtempSync(join(tmpdir(), 'heed-sentence-'))
  try {
    cpSync(folder, copy, { recursive: true })
    for (const [from, to] of files) copyFileSync(join(folder, from), join(copy, to))
    return use(copy)
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** Writes a JSON file anew. */
function changed<T>(file: string, change: (json: T) => unknown): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as T)))
}

describe.skipIf(referenceModels === undefined)('cross-encoder', () => {
  test.each(devices)('%s: scores and rankings', (_, device) => {
    const { folder, cases, numbers, ids } = read('cross-encoder')
    withDevice(device, () => {
      const encoder = readCrossEncoder(folder)
      for (const one of cases) {
        const made = one.pairs.map((pair) => [...tokensOf(encoder.settings, pair).ids].join())
        expect(made).toEqual(ids(one).map((row) => row.join()))
        expectNear(encoder.scores(one.pairs, { activation: 'none' }), numbers(one, 'logits'))
        expectNear(encoder.scores(one.pairs), numbers(one, 'scores'))
        if (one.ranking === undefined) continue
        const ranked = encoder.rank(
          one.pairs[0]![0],
          one.pairs.map(([, document]) => document),
        )
        expect(ranked.map(({ document }) => document)).toEqual(one.ranking)
      }
    })
  })

  test('the activation of older files', async () => {
    const { folder, cases, numbers } = read('cross-encoder')
    await withLegacy(folder, (legacy) =>
      expectNear(readCrossEncoder(legacy).scores(cases[0]!.pairs), numbers(cases[0]!, 'legacy_scores')),
    )
  })
})

describe.skipIf(referenceModels === undefined)('splade', () => {
  test.each(devices)('%s: weights and products', (_, device) => {
    const { folder, cases, numbers, ids } = read('splade')
    const one = cases[0]!
    withDevice(device, () => {
      const encoder = readSparseEncoder(folder)
      const made = one.texts.map((text) => [...tokensOf(encoder.settings, text).ids].join())
      expect(made).toEqual(ids(one).map((row) => row.join()))
      const vectors = encoder.encode(one.texts)
      expectNear(vectors.map(dense(encoder.loaded.config.vocabulary)), numbers(one, 'sparse.max-relu'))
      const products = vectors.map((a) => vectors.map((b) => encoder.similarity(a, b)))
      expectNear(products, numbers(one, 'similarity'))
    })
  })

  test.each(['max-log1p_relu', 'sum-relu', 'sum-log1p_relu'])('%s', (how) => {
    const { folder, cases, numbers } = read('splade')
    withFile(folder, `1_SpladePooling/config.${how}.json`, '1_SpladePooling/config.json', (copy) => {
      const encoder = readSparseEncoder(copy)
      const vectors = encoder.encode(cases[0]!.texts, { batchTokens: 1 })
      expectNear(vectors.map(dense(encoder.loaded.config.vocabulary)), numbers(cases[0]!, `sparse.${how}`))
    })
  })

  test('the largest weights alone', () => {
    const { folder, cases } = read('splade')
    const encoder = readSparseEncoder(folder)
    const [whole] = encoder.encode(cases[0]!.texts.slice(0, 1))
    const [cut] = encoder.encode(cases[0]!.texts.slice(0, 1), { largest: 3 })
    const largest = [...whole!.weights].sort((a, b) => b - a).slice(0, 3)
    expect([...cut!.weights].sort((a, b) => b - a)).toEqual(largest)
  })
})

const dense =
  (vocabulary: number) =>
  ({ ids, weights }: { readonly ids: Int32Array; readonly weights: Float32Array }): Float32Array => {
    const all = new Float32Array(vocabulary)
    ids.forEach((id, i) => (all[id] = weights[i]!))
    return all
  }

describe.skipIf(referenceModels === undefined)('sentence-transformers-dense', () => {
  const name = 'sentence-transformers-dense'

  test.each(devices)('%s: embeddings', (_, device) => {
    const { folder, cases, numbers, ids } = read(name)
    const [one, two] = [cases[0]!, cases[1]!]
    withDevice(device, () => {
      const encoder = readSentenceEncoder(folder)
      const made = one.texts.map((text) => [...tokensOf(encoder.settings, text).ids].join())
      expect(made).toEqual(ids(one).map((row) => row.join()))
      const vectors = encoder.encode(one.texts)
      expect(vectors[0]!.length).toBe(encoder.width)
      expectNear(vectors, numbers(one, 'embedding.mean'))
      expectNear(encoder.encode(two.texts, { promptName: two.prompt_name! }), numbers(two, 'embedding'))
      const dimensions = one.truncate_dim!
      expectNear(encoder.encode(one.texts, { dimensions }), numbers(one, 'truncated'))
      expectNear(
        encoder.encode(one.texts, { dimensions, normalize: true }),
        numbers(one, 'truncated_normalized'),
      )
    })
  })

  const joined = ['cls+mean', 'max+mean_sqrt_len_tokens+lasttoken']
  test.each([...poolingModes, ...joined])('pooling %s', (mode) => {
    const { folder, cases, numbers } = read(name)
    const [one, two] = [cases[0]!, cases[1]!]
    const own = `1_Pooling/config.${mode}.json`
    const from = existsSync(join(folder, own)) ? own : '1_Pooling/config.json'
    withFile(folder, from, '1_Pooling/config.json', (copy) => {
      if (one.outputs[`embedding.${mode}`] !== undefined)
        expectNear(readSentenceEncoder(copy).encode(one.texts), numbers(one, `embedding.${mode}`))
      changed(join(copy, 'modules.json'), (modules: unknown[]) => modules.slice(0, 2))
      expectNear(readSentenceEncoder(copy).encode(one.texts), numbers(one, `pooled.${mode}`))
      const withoutPrompt = `pooled_without_prompt_positions.${mode}`
      if (two.outputs[withoutPrompt] === undefined) return
      const pooling = join(copy, '1_Pooling/config.json')
      changed(pooling, (config: object) => ({ ...config, include_prompt: false }))
      const encoder = readSentenceEncoder(copy)
      expectNear(encoder.encode(two.texts, { promptName: two.prompt_name! }), numbers(two, withoutPrompt))
    })
  })

  test('without the positions of the prompt', () => {
    const { folder, cases, numbers } = read(name)
    const two = cases[1]!
    withFile(folder, '1_Pooling/config.without-prompt.json', '1_Pooling/config.json', (copy) => {
      const encoder = readSentenceEncoder(copy)
      expectNear(
        encoder.encode(two.texts, { promptName: two.prompt_name! }),
        numbers(two, 'embedding_without_prompt_positions'),
      )
    })
  })

  test('the newer spelling of its files', () => {
    const { folder, cases, numbers } = read(name)
    const files = ['modules', 'sentence_bert_config', '1_Pooling/config', '2_Dense/config'].map(
      (file) => [`${file}.new.json`, `${file}.json`] as const,
    )
    withFiles(folder, files, (copy) => {
      const encoder = readSentenceEncoder(copy)
      expectNear(encoder.encode(cases[0]!.texts), numbers(cases[0]!, 'embedding.mean'))
    })
  })

  test('similarities, and vectors of fewer bits', () => {
    const { folder, cases, numbers } = read(name)
    const one = cases[0]!
    const vectors = readSentenceEncoder(folder).encode(one.texts)
    for (const how of ['cosine', 'euclidean', 'manhattan'] as const)
      expectNear(
        vectors.map((a) => vectors.map((b) => vectorSimilarity(a, b, how))),
        numbers(one, `similarity.${how}`),
      )
    const { smallest, largest } = vectorRanges(vectors)
    expectNear([smallest, largest], numbers(one, 'ranges'))
    for (const format of ['binary', 'ubinary'] as const)
      expect(flat(quantizeVectors(vectors, format)).join()).toBe(numbers(one, `quantized.${format}`).join())
    for (const format of ['int8', 'uint8'] as const) {
      const found = flat(quantizeVectors(vectors, format))
      const expected = numbers(one, `quantized.${format}`)
      const width = vectors[0]!.length
      const wrong = found.filter((value, i) => {
        const [least, most] = [smallest[i % width]!, largest[i % width]!]
        const place = (flat(vectors)[i]! - least) / ((most - least) / 255)
        const near = (Math.abs(place - Math.round(place)) * (most - least)) / 255 < 1e-4
        return near ? Math.abs(value - expected[i]!) > 1 : value !== expected[i]
      })
      expect(wrong).toEqual([])
    }
  })

  test('texts are encoded as each is alone, whatever the batch', () => {
    const { folder, cases } = read(name)
    const encoder = readSentenceEncoder(folder)
    const { texts } = cases[0]!
    const together = encoder.encode(texts)
    for (const batchTokens of [1, 40, 100])
      expect(largestDifference(flat(encoder.encode(texts, { batchTokens })), flat(together))).toBeLessThan(
        1e-6,
      )
  })
})
