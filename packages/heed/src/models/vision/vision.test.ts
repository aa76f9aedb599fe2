import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { valueAndGrad } from '../../autograd/index.js'
import { FormatError, mapTree, randomKey, ShapeError, UsageError } from '../../base/index.js'
import { quantizeTree } from '../../checkpoint/index.js'
import { collect } from '../../observe/index.js'
import { crossEntropy, isTensor, normal, scope, type Tensor, tensor } from '../../tensor/index.js'
import { trainTokenizer } from '../../text/index.js'
import type { Pixels } from '../../vision/index.js'
import {
  type Architecture,
  captionLoss,
  createCheckpoint,
  type Design,
  imageFeatures,
  imageLogits,
  imageStates,
  type LoadedCaptioner,
  type LoadedModel,
  type LoadedTowers,
  type LoadedVision,
  loadModel,
  pairLogits,
  textFeatures,
} from '../index.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-vision-'))
afterAll(() => rmSync(folder, { recursive: true }))

const words = ['red', 'green', 'blue', 'dark']
const tokenizer = await trainTokenizer([words.join(' '), words.join(' ')], {
  model: 'WordPiece',
  vocabularySize: 60,
  special: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'],
  preTokenizer: { type: 'BertPreTokenizer' },
})
const tower = {
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 48,
}
const pictures = { ...tower, image_size: 16, patch_size: 4 }
const vit = { model_type: 'vit', ...pictures, architectures: ['ViTForImageClassification'], num_labels: 4 }
const clip = {
  model_type: 'clip',
  projection_dim: 16,
  text_config: { ...tower, max_position_embeddings: 8, eos_token_id: 3 },
  vision_config: pictures,
}
const captioner = {
  model_type: 'vision-encoder-decoder',
  decoder_start_token_id: 2,
  eos_token_id: 3,
  pad_token_id: 0,
  encoder: { model_type: 'vit', ...pictures },
  decoder: {
    model_type: 'gpt2',
    add_cross_attention: true,
    is_decoder: true,
    n_embd: 32,
    n_layer: 2,
    n_head: 2,
    n_positions: 8,
  },
}

async function made(name: string, config: object): Promise<LoadedModel> {
  const path = join(folder, name)
  const own = { config: config as Record<string, unknown>, seed: 3 }
  await createCheckpoint(path, name === 'vit' ? own : { ...own, tokenizer })
  return loadModel(path)
}

/** A picture of each colour, with noise. */
function colours(seed: number): Pixels {
  const noise = normal(randomKey(seed), { batch: 4, channel: 3, height: 16, width: 16 }, 0.3)
  const own = tensor(
    Float32Array.from({ length: 12 }, (_, i) => (Math.floor(i / 3) === i % 3 ? 1 : -1)),
    { batch: 4, channel: 3 },
  )
  return noise.add(own)
}

/** The loss before and after a few steps of plain descent. */
function trained<M>(model: M, loss: (model: M, seed: number) => Tensor<never>, rate: number, steps: number) {
  const losses: number[] = []
  let own = model
  for (let step = 0; step <= steps; step++) {
    own = scope(() => {
      const { value, gradient } = valueAndGrad((given: M) => loss(given, step))(own)
      losses.push(value.item())
      const gradients = new Map<unknown, Tensor>()
      const leaves: Tensor[] = []
      mapTree(own, isTensor as (value: unknown) => value is Tensor, (leaf) => (leaves.push(leaf), leaf))
      let at = 0
      mapTree(gradient as M, isTensor as (value: unknown) => value is Tensor, (leaf) => {
        gradients.set(leaves[at++], leaf)
        return leaf
      })
      return mapTree(own, isTensor as (value: unknown) => value is Tensor, (leaf) =>
        leaf.sub(gradients.get(leaf)!.mul(rate)),
      )
    })
  }
  return { first: losses[0]!, last: losses.at(-1)! }
}

const labels = tensor([0, 1, 2, 3], { batch: 4 }, { dtype: 'i32' })
const ids = tensor(
  words.flatMap((word) => [2, tokenizer.id(word)!, 3]),
  { batch: 4, position: 3 },
  { dtype: 'i32' },
)

describe('from a configuration', () => {
  test('a ViT learns colours', async () => {
    const { model, config } = (await made('vit', vit)) as LoadedVision
    const { first, last } = trained(
      model,
      (own, seed) =>
        crossEntropy(imageLogits(own, config, imageStates(own, config, colours(seed))), labels, 'label'),
      0.1,
      10,
    )
    expect(first).toBeGreaterThan(1.2)
    expect(last).toBeLessThan(0.5)
  })

  test('two towers learn which word is said of which colour', async () => {
    const { model, config } = (await made('clip', clip)) as LoadedTowers
    const own = tensor([0, 1, 2, 3], { image: 4 }, { dtype: 'i32' })
    const { first, last } = trained(
      model,
      (given, seed) => {
        const images = imageFeatures(given, config, colours(seed))
        return crossEntropy(pairLogits(given, images, textFeatures(given, config, ids)), own, 'text')
      },
      0.02,
      30,
    )
    expect(first).toBeGreaterThan(1.2)
    expect(last).toBeLessThan(0.8)
  })

  test('a captioner learns to name colours', async () => {
    const { model, config } = (await made('captioner', captioner)) as LoadedCaptioner
    expect(config.projects).toBe(true)
    const said = tensor(
      words.flatMap((word) => [tokenizer.id(word)!, 3]),
      { batch: 4, position: 2 },
      { dtype: 'i32' },
    )
    const { first, last } = trained(
      model,
      (own, seed) => captionLoss(own, config, colours(seed), said),
      0.2,
      20,
    )
    expect(first).toBeGreaterThan(2)
    expect(last).toBeLessThan(0.5)
  })
})

test.each(['vit', 'clip', 'captioner'])(
  '%s: each attention is where its list says, each matrix may be rounded',
  async (name) => {
    const loaded = await made(`again-${name}`.replace('again-vit', 'vit'), { vit, clip, captioner }[name]!)
    const { architecture, config, model, attentions } = loaded
    const run = (own: unknown): number =>
      scope(() => {
        if (loaded.family === 'vision-encoder')
          return imageStates(own as LoadedVision['model'], loaded.config, colours(1)).values()[0]!
        if (loaded.family === 'captioner')
          return captionLoss(own as LoadedCaptioner['model'], loaded.config, colours(1), ids).item()
        const { config: design } = loaded as LoadedTowers
        const towers = own as LoadedTowers['model']
        return pairLogits(
          towers,
          imageFeatures(towers, design, colours(1)),
          textFeatures(towers, design, ids),
        ).values()[0]!
      })
    const { values } = collect(
      attentions.map(({ name: one }) => one),
      () => run(model),
    )
    for (const { name: one, keys } of attentions) {
      const filter = values.get(one) as Tensor
      // A class token, and 4 × 4 patches.
      if (keys === 'patch') expect(filter.size('key'), one).toBe(17)
    }
    const bindings = (architecture as Architecture).bindings(config as Design)
    const rounded = quantizeTree<unknown>(model, bindings, 'int8')
    expect(Math.abs(run(rounded) - run(model))).toBeLessThan(0.2)
  },
)

test('pictures of other channels, and models without a head, are refused', async () => {
  const { model, config } = (await made('vit', { ...vit, architectures: ['ViTModel'] })) as LoadedVision
  const grey = normal(randomKey(1), { batch: 1, channel: 1, height: 16, width: 16 })
  expect(() => imageStates(model, config, grey)).toThrow(ShapeError)
  const states = imageStates(model, config, colours(1))
  expect(() => imageLogits(model, config, states)).toThrow(UsageError)
  const wrong: readonly (readonly [config: object, said: string])[] = [
    [{ ...vit, patch_size: 17 }, 'the size of the pictures, 16'],
    [{ ...vit, num_attention_heads: 5 }, 'a number that divides the width, 24'],
    [{ ...vit, architectures: ['ViTForMaskedImageModeling'] }, '…ForImageClassification'],
    [{ ...clip, text_config: { ...clip.text_config, hidden_act: 'unknown' } }, 'text_config.hidden_act'],
    [{ ...clip, vision_config: { ...pictures, image_sizes: 16 } }, "did you mean 'image_size'"],
    [{ ...captioner, decoder: { model_type: 'gpt2' } }, 'decoder.add_cross_attention'],
    [{ ...captioner, decoder: { model_type: 'bart', add_cross_attention: true } }, "'gpt2' or 'trocr'"],
    [{ ...captioner, decoder: { ...captioner.decoder, cross_attention_hidden_size: 7 } }, 'width, 24'],
  ]
  for (const [one, said] of wrong) {
    const config = one as Record<string, unknown>
    const made = createCheckpoint(join(folder, 'wrong'), {
      config,
      ...(config['model_type'] !== 'vit' && { tokenizer }),
    })
    await expect(made).rejects.toThrow(FormatError)
    await expect(made).rejects.toThrow(said)
  }
})
