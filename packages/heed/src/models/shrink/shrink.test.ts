/** Smaller encoders: what is kept gives what it gave, and what is written is read by others. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { leavesOf, UsageError } from '../../base/index.js'
import { pythonWith } from '../../formats/testing/python.js'
import { isTensor, type Tensor } from '../../tensor/index.js'
import { pruneTokenizer } from '../../text/index.js'
import {
  createSentenceEncoder,
  type LoadedEncoder,
  readModel,
  readSentenceEncoder,
  saveSentenceEncoder,
  shrinkEncoder,
  type ShrinkOptions,
  vectorSimilarity,
} from '../index.js'
import { tinyConfigs } from '../testing/encoders.js'
import { tinyFolder } from '../testing/tiny-folder.js'

const vocabulary = [
  '[PAD]',
  '[unused]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'x',
  'a',
  'b',
  '##b',
  'ab',
  '##c',
  'bc',
  'z',
  'c',
]
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]']
const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

/** A BERT of 3 layers, 8 wide, with 12 units in each. */
function large(): LoadedEncoder {
  const name = 'bert, classification'
  const sizes = { hidden_size: 8, num_hidden_layers: 3, intermediate_size: 12, architectures: ['BertModel'] }
  const before = tinyConfigs[name]!
  const tokenizer = (json: object): object => {
    const text = JSON.stringify(json)
      .replace('["[SEP]",3]', '["[SEP]",4]')
      .replace('["[CLS]",2]', '["[CLS]",3]')
    const own = JSON.parse(text) as { added_tokens: { id: number; content: string }[] }
    for (const token of own.added_tokens) token.id = vocabulary.indexOf(token.content)
    return own
  }
  ;(tinyConfigs as Record<string, object>)['large'] = { ...before, ...sizes, layer_norm_eps: 1e-12 }
  const folder = tinyFolder('large', {}, vocabulary)
  folders.push(folder)
  const file = join(folder, 'tokenizer.json')
  writeFileSync(file, JSON.stringify(tokenizer(JSON.parse(readFileSync(file, 'utf8')) as object)))
  writeFileSync(join(folder, 'vocab.txt'), vocabulary.join('\n'))
  const added = { 1: { content: '[UNK]' } }
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ model_max_length: 12, added_tokens_decoder: added }),
  )
  return readModel(folder) as LoadedEncoder
}

const texts = ['ab a', 'abc c', 'a ab ab', 'b']

test('a vocabulary keeps what texts need: their tokens, single characters, special ones', () => {
  const { tokenizer } = large()
  const { tokenizer: pruned, ids } = pruneTokenizer(tokenizer, texts)
  expect(Array.from(ids, (id) => vocabulary[id])).toEqual([...special, 'a', 'b', '##b', 'ab', '##c', 'c'])
  for (const text of texts) {
    expect(pruned.encode(text).tokens).toEqual(tokenizer.encode(text).tokens)
    expect(Array.from(pruned.encode(text).ids, (id) => ids[id])).toEqual([...tokenizer.encode(text).ids])
  }
  // What is gone is spelled in pieces, or unknown.
  expect(pruned.encode('bc z', { addSpecial: false }).tokens).toEqual(['b', '##c', '[UNK]'])
  const few = pruneTokenizer(tokenizer, texts, { minimum: 4 }).tokenizer
  expect(few.encode('ab', { addSpecial: false }).tokens).toEqual(['ab'])
  expect(
    pruneTokenizer(tokenizer, texts, { most: 9 }).tokenizer.encode('ab', { addSpecial: false }).tokens,
  ).toEqual(['a', '##b'])
  expect(() => pruneTokenizer(tokenizer, texts, { most: 3 })).toThrow(UsageError)
})

test('what is only renumbered gives the same vectors, and all numbers of an embedding nearly the same', () => {
  const loaded = large()
  const before = createSentenceEncoder(loaded)
  const vectors = (own: LoadedEncoder): Float32Array[] => createSentenceEncoder(own).encode(texts)
  const expected = before.encode(texts)
  const pruned = vectors(shrinkEncoder(loaded, { texts, context: 8 }))
  pruned.forEach((vector, i) => expect(vector.join()).toBe(expected[i]!.join()))
  // 8 numbers less their mean need 7 directions: one more than the narrow rows of 7 have.
  const narrow = shrinkEncoder(loaded, { texts, embedding: 7 })
  expect(narrow.config.architecture).toBe('electra')
  // The large model has nothing in common with it.
  const own = new Set(leavesOf<Tensor>(loaded.model, isTensor).values())
  for (const leaf of leavesOf<Tensor>(shrinkEncoder(loaded, { texts }).model, isTensor).values())
    expect(own.has(leaf)).toBe(false)
  vectors(narrow).forEach((vector, i) => expect(vectorSimilarity(vector, expected[i]!)).toBeGreaterThan(0.9))
})

const cases: Readonly<Record<string, ShrinkOptions>> = {
  'a bert of fewer layers and units': { texts, layers: [0, 2], hidden: 5 },
  'an electra': { texts, embedding: 4, layers: [1], hidden: 6, context: 9 },
}
const python = pythonWith('sentence_transformers')

async function written(name: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'heed-small-'))
  folders.push(folder)
  await saveSentenceEncoder(folder, createSentenceEncoder(shrinkEncoder(large(), cases[name]!)))
  return folder
}

test.each(Object.keys(cases))('%s is written and read', async (name) => {
  const small = createSentenceEncoder(shrinkEncoder(large(), cases[name]!))
  const folder = await written(name)
  const again = readSentenceEncoder(folder)
  again.encode(texts).forEach((vector, i) => expect(vector.join()).toBe(small.encode(texts)[i]!.join()))
  expect(again.loaded.config.layers).toBe(cases[name]!.layers!.length)
  expect(JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8'))).toEqual({
    model_max_length: 12,
  })
  expect(() => readFileSync(join(folder, 'vocab.txt'))).toThrow('ENOENT')
})

test.skipIf(python === undefined)(
  "sentence-transformers' own vectors (HEED_PYTHON names a python3 that has it)",
  { timeout: 300_000 },
  async () => {
    const all = await Promise.all(Object.keys(cases).map(written))
    const program = `
import json, sys
from sentence_transformers import SentenceTransformer
texts, *folders = sys.argv[1:]
print(json.dumps([SentenceTransformer(one, device="cpu").encode(json.loads(texts)).tolist() for one in folders]))`
    const found = JSON.parse(python!(program, JSON.stringify(texts), ...all)) as number[][][]
    all.forEach((folder, i) =>
      readSentenceEncoder(folder)
        .encode(texts)
        .forEach((vector, j) => expect(vectorSimilarity(vector, found[i]![j]!)).toBeGreaterThan(1 - 1e-6)),
    )
  },
)

test('what makes no sense is refused', () => {
  const loaded = large()
  for (const options of [
    { texts: [] },
    { texts, layers: [2, 1] },
    { texts, layers: [3] },
    { texts, hidden: 13 },
    { texts, embedding: 9 },
    { texts, width: 3 },
  ])
    expect(() => shrinkEncoder(loaded, options as ShrinkOptions), JSON.stringify(options)).toThrow(UsageError)
})
