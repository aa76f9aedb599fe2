// What PyTorch and transformers compute of the same records: testing/make-fixtures.py wrote it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { treeTensors } from '../../checkpoint/index.js'
import { loadEncoder, type LoadedEncoder } from '../../models/index.js'
import {
  questionAnswering,
  type StepEvent,
  textClassification,
  tokenClassification,
  train,
} from '../index.js'
import type { AnyObjective } from './testing/cases.js'

interface Expected {
  readonly records: readonly unknown[]
  readonly losses: readonly number[]
  readonly gradientNorms: readonly number[]
  readonly final: Readonly<Record<string, readonly number[]>>
}

test.each<[string, (loaded: LoadedEncoder) => unknown]>([
  ['sequence-classification', textClassification],
  ['several-labels', (loaded) => textClassification(loaded, { kind: 'several' })],
  // transformers' own data sets have the label at all tokens of a word.
  ['token-classification', (loaded) => tokenClassification(loaded, { pieces: 'all' })],
  ['question-answering', questionAnswering],
])('%s: losses, gradients and AdamW in groups are those of PyTorch', async (name, of) => {
  const folder = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
  const { records, losses, gradientNorms, final } = JSON.parse(
    readFileSync(`${folder}/expected.json`, 'utf8'),
  ) as Expected
  const loaded = await loadEncoder(folder)
  const steps: StepEvent[] = []
  const { model } = await train({
    model: loaded,
    objective: of(loaded) as AnyObjective,
    data: records,
    steps: losses.length,
    rate: 2e-3,
    warmUp: 2,
    decay: 0.1,
    groups: [{ pattern: 'head', rate: 5 }],
    hooks: { onStep: (event) => void steps.push(event) },
  })
  const worst = (found: readonly number[], wanted: readonly number[]): number =>
    Math.max(...wanted.map((x, i) => Math.abs(x - found[i]!)))
  expect(
    worst(
      steps.map(({ loss }) => loss),
      losses,
    ),
  ).toBeLessThan(2e-5)
  expect(
    worst(
      steps.map(({ gradientNorm }) => gradientNorm),
      gradientNorms,
    ),
  ).toBeLessThan(1e-4)
  const tensors = treeTensors(model.model, model.architecture!.bindings(model.config))
  const off = Object.entries(final)
    .map(([path, wanted]) => ({ path, by: worst([...tensors.get(path)!.toFloat32()], wanted) }))
    .filter(({ by }) => !(by < 5e-5))
  expect(off).toEqual([])
})
