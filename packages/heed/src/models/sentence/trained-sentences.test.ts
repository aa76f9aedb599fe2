/** Sentence encoders as they are trained: vectors by weights, and what is written. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { mapTree, UsageError } from '../../base/index.js'
import { pythonWith } from '../../formats/testing/python.js'
import { isTensor, map, scope, type Tensor } from '../../tensor/index.js'
import {
  createSentenceEncoder,
  poolingModes,
  readModel,
  readSentenceEncoder,
  saveSentenceEncoder,
  type SentenceEncoder,
  type SentenceParts,
} from '../index.js'
import type { LoadedEncoder } from '../index.js'
import { tinyFolder } from '../testing/tiny-folder.js'

const made: string[] = []
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true })))
function remembered(folder: string): string {
  made.push(folder)
  return folder
}

const texts = ['a b c', 'b', '', 'c c a b a a', 'a b']
/** As wide as sentence-transformers' own modules can be told. */
const name = 'bert, classification'

function encoderWith(parts: SentenceParts): SentenceEncoder {
  const folder = remembered(tinyFolder(name))
  return createSentenceEncoder(readModel(folder) as LoadedEncoder, parts)
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Math.max(0, ...Array.from(a, (value, i) => Math.abs(value - b[i]!)))
}

describe('vectors for training', () => {
  test.each(poolingModes)('of a filled-up batch are those of encode: %s', (pooling) => {
    const encoder = encoderWith({ pooling: [pooling, 'mean'], dense: { width: 5, activation: 'tanh' } })
    const expected = encoder.encode(texts).flatMap((vector) => [...vector])
    const found = scope(() =>
      encoder
        .vectorsBy(
          encoder.weights,
          texts.map((text) => encoder.tokens(text)),
        )
        .values(['batch', 'width']),
    )
    expect(difference(found, expected)).toBeLessThan(2e-6)
  })

  test('a prompt that does not count', () => {
    const files = {
      'modules.json': ['Transformer', 'Pooling'].map((type, idx) => ({
        idx,
        name: String(idx),
        path: idx === 0 ? '' : '1_Pooling',
        type: `sentence_transformers.models.${type}`,
      })),
      '1_Pooling/config.json': { pooling_mode: 'mean', include_prompt: false },
      'config_sentence_transformers.json': { prompts: { query: 'a b ' }, default_prompt_name: 'query' },
    }
    const encoder = readSentenceEncoder(remembered(tinyFolder(name, files)))
    const vectors = scope(() =>
      encoder
        .vectorsBy(
          encoder.weights,
          texts.map((text) => encoder.tokens(text)),
        )
        .values(['batch', 'width']),
    )
    const expected = encoder.encode(texts).flatMap((vector) => [...vector])
    expect(difference(vectors, expected)).toBeLessThan(2e-6)
  })

  test('quantized weights are not trained', () => {
    const encoder = readSentenceEncoder(remembered(tinyFolder(name)), { weights: 'int8' })
    expect(() => encoder.weights).toThrow(UsageError)
  })
})

const parts: Readonly<Record<string, SentenceParts>> = {
  plain: {},
  'two poolings and a dense layer': {
    pooling: ['cls', 'mean'],
    dense: { width: 3, activation: 'tanh' },
    maximum: 6,
    seed: 4,
  },
  'without a length': { normalize: false, dense: { width: 6 } },
}
const python = pythonWith('sentence_transformers')
const all = (encoder: SentenceEncoder): number[] => encoder.encode(texts).flatMap((one) => [...one])

async function written(which: string): Promise<{ folder: string; encoder: SentenceEncoder }> {
  const first = encoderWith(parts[which]!)
  const weights = scope(() =>
    mapTree(first.weights, isTensor, (leaf: Tensor) => map((x) => x.mul(1.1).add(0.01), leaf)),
  )
  const encoder = first.withWeights(weights)
  const folder = remembered(mkdtempSync(join(tmpdir(), 'heed-written-')))
  await saveSentenceEncoder(folder, encoder)
  return { folder, encoder }
}

describe('what is written', () => {
  test.each(Object.keys(parts))('is read again with the same vectors: %s', async (which) => {
    const { folder, encoder } = await written(which)
    const again = readSentenceEncoder(folder)
    expect(all(again).join()).toBe(all(encoder).join())
    expect(again.settings.maximum).toBe(encoder.settings.maximum)
    expect(again.width).toBe(encoder.width)
    // Written once more over itself, from what was read.
    await saveSentenceEncoder(folder, again)
    expect(all(readSentenceEncoder(folder)).join()).toBe(all(encoder).join())
    expect(existsSync(join(folder, '2_Dense'))).toBe(which !== 'plain')
    expect(JSON.parse(readFileSync(join(folder, 'modules.json'), 'utf8'))).toHaveLength(
      which === 'plain' ? 3 : which === 'without a length' ? 3 : 4,
    )
  })

  test.skipIf(python === undefined)(
    "gives sentence-transformers' own vectors (HEED_PYTHON names a python3 that has it)",
    { timeout: 300_000 },
    async () => {
      const models = await Promise.all(Object.keys(parts).map(written))
      const program = `
import json, sys
from sentence_transformers import SentenceTransformer
texts, *folders = sys.argv[1:]
print(json.dumps([SentenceTransformer(one, device="cpu").encode(json.loads(texts)).tolist() for one in folders]))`
      const printed = python!(program, JSON.stringify(texts), ...models.map(({ folder }) => folder))
      const found = JSON.parse(printed) as number[][][]
      models.forEach(({ encoder }, i) =>
        expect(difference(found[i]!.flat(), all(encoder))).toBeLessThan(2e-6),
      )
    },
  )
})
