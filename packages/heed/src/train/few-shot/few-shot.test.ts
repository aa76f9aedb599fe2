import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FormatError, UsageError } from '../../base/index.js'
import { createSentenceEncoder, type LoadedEncoder, readModel } from '../../models/index.js'
import { evaluate, pipeline } from '../../tasks/index.js'
import { tinyFolder } from '../../models/testing/tiny-folder.js'
import {
  contrastivePairs,
  fewShot,
  isFewShot,
  labelShares,
  loadFewShot,
  logisticRegression,
  saveFewShot,
} from './index.js'

interface Case {
  readonly vectors: number[][]
  readonly labels: number[]
  readonly strength: number
  readonly balanced: boolean
  readonly probe: number[][]
  readonly shares: number[][]
}
const cases = JSON.parse(readFileSync(new URL('testing/reference.json', import.meta.url), 'utf8')) as Case[]
const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

describe('softmax regression', () => {
  test.each(cases)('as scikit-learn has it, C $strength, balanced $balanced', (reference) => {
    const { vectors, labels, strength, balanced } = reference
    const made = logisticRegression(vectors, labels, { strength, ...(balanced && { classes: 'balanced' }) })
    let worst = 0
    reference.probe.forEach((vector, i) =>
      labelShares(made, vector).forEach(
        (share, c) => (worst = Math.max(worst, Math.abs(share - reference.shares[i]![c]!))),
      ),
    )
    expect(worst).toBeLessThan(1e-6)
  })

  test('what makes no sense is refused', () => {
    const vectors = [
      [1, 0],
      [0, 1],
    ]
    for (const work of [
      () => logisticRegression(vectors, [0, 0]),
      () => logisticRegression(vectors, [0, 2]),
      () => logisticRegression(vectors, [0]),
      () => logisticRegression([[1], [1, 2]], [0, 1]),
      () => logisticRegression(vectors, [0, 1], { strength: 0 }),
      () => labelShares(logisticRegression(vectors, [0, 1]), [1]),
    ])
      expect(work).toThrow(UsageError)
  })
})

const examples = ['a a', 'a', 'a a a', 'c c', 'c', 'c c c'].map((text) => ({
  text,
  label: text.startsWith('a') ? 'first' : 'second',
}))

test('pairs are of one label or of two, the same for the same seed', () => {
  const pairs = contrastivePairs(examples, { each: 3, seed: 1 })
  expect(pairs.length).toBe(2 * 3 * examples.length)
  for (const { text, pair, score } of pairs) {
    expect(text[0] === pair[0]).toBe(score === 1)
    expect(text).not.toBe(pair)
  }
  const spelled = (seed: number): string => JSON.stringify(contrastivePairs(examples, { each: 3, seed }))
  expect(spelled(1)).toBe(JSON.stringify(pairs))
  expect(spelled(2)).not.toBe(JSON.stringify(pairs))
  expect(() => contrastivePairs(examples.slice(0, 2))).toThrow(UsageError)
})

test('a few examples of each label are enough for what is easy; what is written is read', async () => {
  const folder = tinyFolder('bert, classification')
  folders.push(folder)
  const encoder = createSentenceEncoder(readModel(folder) as LoadedEncoder)
  const untrained = encoder
    .encode(examples.map(({ text }) => text))
    .map(String)
    .join('\n')
  const how = { pairs: 8, epochs: 3, rate: 0.01, strength: 100 }
  const classifier = await fewShot(encoder, examples, how)
  expect(classifier.labels).toEqual(['first', 'second'])
  const texts = examples.map(({ text }) => text)
  // What was given stays as it is, and gives the same classifier again.
  expect(encoder.encode(texts).map(String).join('\n')).toBe(untrained)
  const same = await fewShot(encoder, examples, how)
  expect(same.head.weights.join()).toBe(classifier.head.weights.join())
  const shares = classifier.classify(texts)
  shares.forEach((own, i) => expect(own[i < 3 ? 0 : 1]!).toBeGreaterThan(0.6))
  const out = mkdtempSync(join(tmpdir(), 'heed-few-'))
  folders.push(out)
  await saveFewShot(out, classifier)
  const again = await loadFewShot(out)
  expect(again.labels).toEqual(classifier.labels)
  expect(again.classify(texts).map((one) => one.join())).toEqual(shares.map((one) => one.join()))
  expect(isFewShot(out) && !isFewShot(folder)).toBe(true)
  const measured = await evaluate(out, 'text-classification', examples)
  expect(measured.scores.find(({ metric }) => metric === 'accuracy')?.value).toBe(1)
  // The pipeline of its task reads it.
  const classify = await pipeline('text-classification', out)
  const found = await classify(texts, { top_k: null })
  found.forEach((own, i) => {
    for (const { label, score } of own)
      expect(score).toBeCloseTo(shares[i]![classifier.labels.indexOf(label)]!, 6)
  })
  expect(Object.keys((await classify('a', { attention: true })).attention.filters).length).toBeGreaterThan(0)
  await expect(classify({ text: 'a', text_pair: 'c' })).rejects.toThrow(/a text alone/)
  await expect(classify(5 as never)).rejects.toThrow(UsageError)
  expect((await classify('a '.repeat(500)))[0]!.unread).toBeGreaterThan(0)
  classify.dispose()
  // Without pairs the encoder stays as it is.
  const plain = await fewShot(again.encoder, examples, { pairs: 0 })
  expect(plain.encoder).toBe(again.encoder)
  for (const [given, options, message] of [
    [[{ text: 5, label: 'a' }], {}, /^fewShot: expected examples\[0\]\.text to be a text, found 5/],
    [[...examples, { text: 'a' }], {}, /^fewShot: expected examples\[6\]\.label to be a text/],
    [['a'], {}, /^fewShot: expected examples\[0\] to be a text with its label/],
    ['a', {}, /^fewShot: expected examples, a list/],
    [examples.slice(0, 3), {}, /^fewShot: expected examples of at least two labels/],
    [examples, { rate: 0 }, /^fewShot: expected rate/],
    [examples, { batch: 0 }, /^fewShot: expected batch/],
  ] as const)
    await expect(fewShot(encoder, given as never, options)).rejects.toThrow(message)
  await expect(fewShot({} as never, examples)).rejects.toThrow(/^fewShot: expected a sentence encoder/)
  writeFileSync(join(out, 'model_head.safetensors'), readFileSync(join(out, 'model.safetensors')))
  await expect(loadFewShot(out)).rejects.toThrow(FormatError)
})
