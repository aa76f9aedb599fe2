import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { leavesOf, mapTree, randomKey } from '../../base/index.js'
import { isModelWeight, type ModelWeight } from '../../checkpoint/index.js'
import { isLowRank } from '../../nn/index.js'
import {
  type AnyTensor,
  isTensor,
  mean,
  normal,
  scope,
  slice,
  square,
  type Tensor,
  tensor,
} from '../../tensor/index.js'
import {
  architectures,
  decoderLogits,
  encodeImage,
  encodeSource,
  encoderStates,
  imageFeatures,
  imageLogits,
  imageStates,
  imageVector,
  mergeLowRank,
  outputOf,
  pairLogits,
  pooledOf,
  readModel,
  type Running,
  saveAdapter,
  targetLogits,
  textFeatures,
  trainableOf,
  withLowRank,
} from '../index.js'
import { foldersOr, referenceModels } from '../testing/reference.js'
import { bindingsOf, changedModel, linearPaths } from './low-rank.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-every-adapter-'))
afterAll(() => rmSync(folder, { recursive: true }))
const names = foldersOr(architectures().flatMap(({ modelTypes }) => modelTypes))

/** All that a model gives for a few tokens. */
function outputsOf(loaded: Pick<Running, 'family' | 'model' | 'config'>): AnyTensor[] {
  const numbers = Int32Array.from({ length: 12 }, (_, i) => 5 + ((i * 7) % 23))
  const ids = tensor(numbers, { batch: 2, position: 6 }, { dtype: 'i32' })
  const { family, model, config } = loaded as Running
  if (family === 'vision-encoder' || family === 'dual-encoder' || family === 'captioner') {
    const pixels = normal(randomKey(3), { batch: 2, channel: 3, height: 32, width: 32 })
    if (family === 'dual-encoder') {
      // The end token stands for a text.
      const { pooled } = config.text
      const end = pooled.at === 'end' ? pooled.id : 30
      const ended = numbers.map((id, i) => (i % 6 === 5 ? end : id))
      const texts = textFeatures(model, config, tensor(ended, { batch: 2, position: 6 }, { dtype: 'i32' }))
      return [pairLogits(model, imageFeatures(model, config, pixels), texts)]
    }
    if (family === 'captioner') {
      // The pooler of the encoder gives nothing to the decoder.
      const vector = imageVector(
        model.encoder,
        config.encoder,
        imageStates(model.encoder, config.encoder, pixels),
      )
      return [
        targetLogits(model, config, slice(ids, 'position', 0, 4), encodeImage(model, config, pixels)),
        vector,
      ]
    }
    const states = imageStates(model, config, pixels)
    return [
      states,
      imageVector(model, config, states),
      ...(config.head === undefined ? [] : [imageLogits(model, config, states)]),
    ]
  }
  if (family === 'decoder') return [decoderLogits(model, config, ids)]
  if (family === 'encoder-decoder')
    return [targetLogits(model, config, slice(ids, 'position', 0, 4), encodeSource(model, config, ids))]
  const states = encoderStates(model, config, ids)
  const made = config.head === undefined ? undefined : outputOf(model, config, states)
  return [
    states,
    ...(config.pooler === undefined ? [] : [pooledOf(model, config, states)]),
    ...(made === undefined ? [] : made.kind === 'answer' ? [made.start, made.end] : [made.logits]),
  ]
}
const numbersOf = (loaded: Pick<Running, 'family' | 'model' | 'config'>): number[] =>
  scope(() => outputsOf(loaded).flatMap((one) => [...(one as Tensor).values()]))
const largest = (one: readonly number[], other: readonly number[]): number =>
  one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0)

describe.skipIf(referenceModels === undefined).each(names)('%s', (name) => {
  test('each linear layer takes a change, which is trained, merged, written and read', async () => {
    const base = join(referenceModels!, name)
    const loaded = readModel(base)
    const paths = linearPaths(leavesOf<ModelWeight>(loaded.model, isModelWeight), bindingsOf(loaded))
    const fresh = withLowRank(loaded, { targets: paths, rank: 2 })
    expect(largest(numbersOf(fresh), numbersOf(loaded))).toBe(0)
    const model = mapTree<unknown, ModelWeight>(fresh.model, isModelWeight, (weight, path) =>
      isLowRank(weight) ? { ...weight, up: normal(randomKey(4, path), weight.up.shape, 0.05) } : weight,
    )
    const adapted = changedModel(fresh, { model }) as unknown as Running
    const found = numbersOf(adapted)
    expect(largest(numbersOf(mergeLowRank(adapted) as Running), found)).toBeLessThan(1e-3)

    const { part, whole } = trainableOf<unknown>(adapted)
    scope(() => {
      const gradient = grad((own: typeof part) =>
        outputsOf(changedModel(adapted, { model: whole(own) }))
          .map((one) => mean(square(one as Tensor)))
          .reduce((sum, one) => sum.add(one)),
      )(part)
      const still = [...leavesOf<Tensor>(gradient, isTensor)].filter(([, leaf]) =>
        leaf.values().every((value) => value === 0),
      )
      expect(still.map(([path]) => path)).toEqual([])
    })

    const written = join(folder, name)
    await saveAdapter(written, adapted)
    expect(largest(numbersOf(readModel(base, { adapter: written })), found)).toBe(0)
  })
})
