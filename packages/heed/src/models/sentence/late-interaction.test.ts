import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FormatError, HeedError, UsageError } from '../../base/index.js'
import { temporaryFolder, writeTiny } from '../../tasks/testing/tiny.js'
import { isLateInteraction, maxSim, readLateInteraction, tokenSimilarities } from '../index.js'

const folder = temporaryFolder()
beforeAll(() => writeTiny(folder.path, { architectures: ['BertModel'] }))
afterAll(() => folder.remove())

/** Runs `use` while these files stand in the folder. */
function withFiles<T>(files: Readonly<Record<string, unknown>>, use: (folder: string) => T): T {
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder.path, name)), { recursive: true })
      writeFileSync(join(folder.path, name), typeof content === 'string' ? content : JSON.stringify(content))
    }
    return use(folder.path)
  } finally {
    for (const name of Object.keys(files)) rmSync(join(folder.path, name))
  }
}

const transformer = { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' }
const module = (type: string, path: string): object => ({ idx: 1, name: '1', path, type })
const pylate = { model_type: 'ColBERT', query_prefix: '', document_prefix: '' }
const mask = module('sentence_transformers.multi_vector_encoder.modules.MultiVectorMask', '1_Mask')

describe('MaxSim', () => {
  const side = fc
    .integer({ min: 1, max: 6 })
    .chain((tokens) =>
      fc.float32Array({ minLength: tokens * 3, maxLength: tokens * 3, noNaN: true, min: -2, max: 2 }),
    )
    .map((vectors) => ({ vectors, width: 3 }))

  test('is the sum of the largest products, and says which token has each', () =>
    fc.assert(
      fc.property(side, side, (query, document) => {
        const { score, met, similarity } = maxSim(query, document)
        const products = tokenSimilarities(query, document)
        const keys = document.vectors.length / 3
        let sum = 0
        for (let row = 0; row < query.vectors.length / 3; row++) {
          let best = -Infinity
          for (let key = 0; key < keys; key++) {
            let product = 0
            for (let i = 0; i < 3; i++)
              product += query.vectors[row * 3 + i]! * document.vectors[key * 3 + i]!
            expect(products[row * keys + key]!).toBeCloseTo(product, 4)
            best = Math.max(best, product)
          }
          expect(similarity[row]!).toBeCloseTo(best, 4)
          expect(products[row * keys + met[row]!]).toBe(similarity[row])
          sum += best
        }
        expect(score).toBeCloseTo(sum, 3)
      }),
    ))

  test('a document without vectors answers nothing; other widths are refused', () => {
    const query = { vectors: Float32Array.of(1, 0), width: 2 }
    const nothing = { vectors: new Float32Array(0), width: 2 }
    expect(maxSim(query, nothing)).toMatchObject({ score: -Infinity })
    expect(maxSim(nothing, query).score).toBe(0)
    expect(() => maxSim(query, { vectors: Float32Array.of(1, 0, 0), width: 3 })).toThrow(UsageError)
  })
})

describe('any encoder', () => {
  test('vectors of length 1, one for each token, the same in any batch', () => {
    const model = readLateInteraction(folder.path)
    const texts = ['The cat sat.', '', '🙂', 'A dog runs in the park. '.repeat(20)]
    const together = model.encodeDocuments(texts)
    const told: number[] = []
    const apart = model.encodeDocuments(texts, { batchTokens: 1, progress: (done) => told.push(done) })
    expect(told).toEqual([1, 2, 3, 4])
    together.forEach(({ vectors, ids, width }, i) => {
      expect(vectors.join()).toBe(apart[i]!.vectors.join())
      expect(vectors.length).toBe(ids.length * width)
      for (let row = 0; row < ids.length; row++) {
        const own = vectors.subarray(row * width, (row + 1) * width)
        expect(own.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 4)
      }
    })
    expect(together[3]!.ids.length).toBe(64)
    expect(() => model.encodeQueries(texts, { batchTokens: 0 })).toThrow(UsageError)
    expect(() => model.encodeQueries(texts, { batch: 3 } as never)).toThrow(UsageError)
  })

  test('files say whether vectors are of tokens', () => {
    expect(isLateInteraction(folder.path)).toBe(false)
    expect(withFiles({ 'artifact.metadata': {} }, isLateInteraction)).toBe(true)
    expect(withFiles({ 'config_sentence_transformers.json': pylate }, isLateInteraction)).toBe(true)
    expect(withFiles({ 'modules.json': [transformer, mask] }, isLateInteraction)).toBe(true)
    expect(withFiles({ 'modules.json': [transformer] }, isLateInteraction)).toBe(false)
  })

  test('queries are filled up, whatever stands in them; what is skipped has no vector', () => {
    const files = {
      'modules.json': [transformer],
      'config_sentence_transformers.json': { ...pylate, query_length: 9, skiplist_words: ['.', 'the'] },
    }
    withFiles(files, (path) => {
      const model = readLateInteraction(path)
      fc.assert(
        fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
          const [query] = model.encodeQueries([text])
          expect(query!.ids.length).toBe(9)
          for (let i = 0; i < 9; i++) expect(query!.spans[2 * i + 1]).toBeLessThanOrEqual(text.length)
        }),
        { numRuns: 10 },
      )
      const [document] = model.encodeDocuments(['The cat. The mat.'])
      const { tokenizer } = model.loaded
      const tokens = Array.from(document!.ids, (id) => tokenizer.token(id))
      expect(tokens).not.toContain('.')
      expect(tokens).not.toContain('the')
    })
  })
})

test.each([
  ['a module that nobody knows', { 'modules.json': [transformer, mask, module('x.Router', '2_Router')] }],
  ['another first', { 'modules.json': [module('sentence_transformers.models.Pooling', ''), mask] }],
  ['a dense layer without files', { 'modules.json': [transformer, mask, module('x.Dense', '3_Dense')] }],
  [
    'a dense layer of another width',
    {
      'modules.json': [transformer, mask, module('x.Dense', '3_Dense')],
      '3_Dense/config.json': { in_features: 5, out_features: 4, activation_function: 'torch.nn.Identity' },
    },
  ],
  [
    'a dense layer with a residual',
    {
      'modules.json': [transformer, mask, module('x.Dense', '3_Dense')],
      '3_Dense/config.json': { in_features: 16, out_features: 4, use_residual: true },
    },
  ],
  [
    'patches of pictures',
    { 'modules.json': [transformer, mask], '1_Mask/config.json': { keep_only_token_ids: [1] } },
  ],
  [
    'words that are no list',
    { 'modules.json': [transformer, mask], '1_Mask/config.json': { skiplist_words: 'a' } },
  ],
  ['a place outside', { 'modules.json': [transformer, mask, module('x.Dense', '../Dense')] }],
  [
    'a way to fill up that nobody knows',
    {
      'modules.json': [transformer, mask],
      'config_sentence_transformers.json': { query_expansion: { strategy: 'sometimes', length: 3 } },
    },
  ],
  [
    'a length that is none',
    { 'modules.json': [transformer], 'config_sentence_transformers.json': { ...pylate, query_length: -1 } },
  ],
  ['no JSON', { 'modules.json': [transformer], 'config_sentence_transformers.json': '{' }],
])('%s is refused', (_, files) =>
  withFiles(files, (path) => expect(() => readLateInteraction(path)).toThrow(FormatError)),
)

test('a token to fill up with that the tokenizer lacks is refused', () => {
  const files = {
    'modules.json': [transformer, mask],
    'config_sentence_transformers.json': { query_expansion: { strategy: 'min', length: 3, token: '<none>' } },
  }
  withFiles(files, (path) => {
    expect(() => readLateInteraction(path)).toThrow(HeedError)
    expect(() => readLateInteraction(path)).toThrow('<none>')
  })
})
