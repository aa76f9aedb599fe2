import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { randomKey } from '../../base/index.js'
import { loadModel, type LoadedTowers, ofFamily } from '../../models/index.js'
import { temporaryFolder } from '../../tasks/testing/tiny.js'
import { scope, tensor } from '../../tensor/index.js'
import { clipLoss, siglipLoss } from '../losses/index.js'
import { imageTextContrast } from './index.js'
import { pictured } from './testing/texts.js'
import { writeTinyModel } from './testing/tiny-model.js'

const folder = temporaryFolder()
afterAll(() => folder.remove())

test('equal texts of a batch are no negatives of each other', async () => {
  const path = join(folder.path, 'clip')
  await writeTinyModel(path, 'clip')
  const loaded: LoadedTowers = ofFamily(await loadModel(path), 'dual-encoder') as LoadedTowers
  const objective = imageTextContrast(loaded)
  const context = { key: randomKey(1), training: true, run: {} }
  const reached = (texts: readonly string[]): { loss: number; accuracy: number } =>
    scope(() => {
      const pictures = pictured(texts.length)
      const examples = texts.flatMap((text, i) => [...objective.encode({ image: pictures[i]!.image, text })])
      const { loss, metrics } = objective.loss(loaded.model, objective.collate(examples), context)
      const { value } = metrics!['accuracy'] as { value: number }
      return { loss: loss.item(), accuracy: value }
    })
  // Nothing is left to tell apart, though the texts are written in another way.
  const same = reached(['the cat', 'the cat', ' the  cat'])
  expect(Math.abs(same.loss)).toBeLessThan(1e-6)
  expect(same.accuracy).toBe(1)
  expect(reached(['the cat', 'the dog', 'the cat']).loss).toBeGreaterThan(0.1)
})

test('pairs that are left out take no part in either loss', () => {
  const images = tensor([1, 0, 0, 1, 1, 1], { batch: 3, width: 2 })
  const texts = tensor([1, 0.5, 0, 1, 1, 0.5], { batch: 3, width: 2 })
  const excluded = tensor([0, 0, 1, 0, 0, 0, 1, 0, 0], { batch: 3, candidate: 3 })
  const [t, bias] = [tensor([0.5], {}), tensor([-1], {})]
  const cosine = (i: number, j: number): number => {
    const [a, b] = [images, texts].map((all, at) =>
      [...all.values(['batch', 'width'])].slice(2 * (at === 0 ? i : j)),
    )
    const [x, y, u, v] = [a![0]!, a![1]!, b![0]!, b![1]!]
    return (x * u + y * v) / (Math.hypot(x, y) * Math.hypot(u, v))
  }
  const isOut = (i: number, j: number): boolean => (i === 0 && j === 2) || (i === 2 && j === 0)
  const scores = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => (isOut(i, j) ? -Infinity : Math.exp(0.5) * cosine(i, j))),
  )
  const mean = (rows: readonly (readonly number[])[]): number =>
    rows.reduce(
      (sum, row, i) => sum - (row[i]! - Math.log(row.reduce((all, one) => all + Math.exp(one), 0))) / 3,
      0,
    )
  const columns = [0, 1, 2].map((j) => scores.map((row) => row[j]!))
  const clip = (mean(scores) + mean(columns)) / 2
  expect(clipLoss(images, texts, t, { excluded }).item()).toBeCloseTo(clip, 5)
  let siglip = 0
  for (const i of [0, 1, 2])
    for (const j of [0, 1, 2])
      if (!isOut(i, j)) {
        const logit = Math.exp(0.5) * cosine(i, j) - 1
        siglip += Math.log1p(Math.exp(i === j ? -logit : logit)) / 3
      }
  expect(siglipLoss(images, texts, t, bias, { excluded }).item()).toBeCloseTo(siglip, 5)
})
