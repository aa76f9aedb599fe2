/**
 * The encoder of pictures: patches in, at every patch a vector out that knows the whole picture (Dosovitskiy
 * et al. 2021, "An Image is Worth 16x16 Words", section 3.1). What differs between architectures stands in
 * their designs.
 */
import { checkpoint } from '../../autograd/index.js'
import { foldIn, type RandomKey, ShapeError } from '../../base/index.js'
import {
  type AttentionParameters,
  type Block,
  createBlock,
  createLinear,
  createNorm,
  type BlockDropout,
  encoderBlock,
  type FeedForward,
  type Initializer,
  type Linear,
  norm,
  type Norm,
  type PositionTable,
  type Quantized,
  type Sequence,
} from '../../nn/index.js'
import { observedAsNow, tap, within } from '../../observe/index.js'
import { axisOf, concat, dropout as drop, expand, scope, type Tensor } from '../../tensor/index.js'
import {
  createPatchEmbedding,
  embedPatches,
  interpolatedPositions,
  type PatchEmbedding,
  patchGrid,
  type Pixels,
} from '../../vision/index.js'
import { blockOptions } from '../layer-design.js'
import { scaledInitializer } from './initial.js'
import { learnedGrid, type PictureToken, type VisionDesign } from './design.js'

/** The parameters of an encoder of pictures. */
export interface VisionEncoder {
  readonly patch: PatchEmbedding
  /** Vectors of what stands in front of the patches. */
  readonly token?: { readonly [K in PictureToken]?: PositionTable }
  /** In the place of hidden patches; nothing reads it. */
  readonly maskToken?: PositionTable
  /** Of the tokens in front, then of the patches. */
  readonly position: PositionTable
  readonly embeddingNorm?: Norm
  readonly blocks: readonly Block[]
  readonly norm?: Norm
  /** Of the first state alone (CLIP). */
  readonly vectorNorm?: Norm
  readonly pooler?: Linear<'width', 'pooled'>
  readonly probe?: Probe
  readonly head?: Linear<'width', 'label'> | Linear<'half' | 'width', 'label'>
  /** Of the distillation token. */
  readonly distillationHead?: Linear<'width', 'label'>
}

/** What asks the states for one vector (SigLIP). */
export interface Probe {
  /** The query. */
  readonly vector: PositionTable
  readonly attention: AttentionParameters
  readonly norm: Norm
  readonly feedForward: FeedForward
}

/**
 * An encoder of pictures before training: as `scaledInitializer` makes it, biases 0.
 *
 * @param initializer another one for all weights
 */
export function createVisionEncoder(
  design: VisionDesign,
  key: RandomKey,
  { initializer = scaledInitializer }: { readonly initializer?: Initializer } = {},
): VisionEncoder {
  const { width, context, picture, patchBias, tokens, maskToken = false, blocks, vector, head } = design
  const normed = (): Norm => createNorm({ width }, { initializer })
  const table = (name: string, position: number): PositionTable =>
    initializer(foldIn(key, name), { position, width }, position, width)
  return {
    patch: createPatchEmbedding(foldIn(key, 'patch'), { ...picture, width, bias: patchBias, initializer }),
    ...(tokens.length > 0 && {
      token: Object.fromEntries(tokens.map((name) => [name, table(`${name} token`, 1)])),
    }),
    ...(maskToken && { maskToken: table('mask token', 1) }),
    position: table('position', context),
    ...(design.embeddingNorm && { embeddingNorm: normed() }),
    blocks: blocks.map(({ shape }, layer) =>
      createBlock(foldIn(foldIn(key, 'blocks'), layer), { ...shape, initializer }),
    ),
    ...(design.finalNorm && { norm: normed() }),
    ...(vector.kind === 'first' && vector.norm && { vectorNorm: normed() }),
    ...(vector.kind === 'dense' && {
      pooler: createLinear(foldIn(key, 'pooler'), { width }, { pooled: vector.width }, { initializer }),
    }),
    ...(vector.kind === 'probe' && {
      probe: createProbe(foldIn(key, 'probe'), { ...vector.layer.shape, initializer }),
    }),
    ...(head && headsOf(head, foldIn(key, 'head'), width, initializer)),
  }
}

function createProbe(key: RandomKey, shape: Parameters<typeof createBlock>[1]): Probe {
  const { attention, feedForwardNorm, feedForward } = createBlock(key, shape)
  const { width, initializer = scaledInitializer } = shape
  const vector = initializer(foldIn(key, 'vector'), { position: 1, width }, 1, width)
  return { vector, attention, norm: feedForwardNorm!, feedForward }
}

function headsOf(
  { from, labels }: NonNullable<VisionDesign['head']>,
  key: RandomKey,
  width: number,
  initializer: Initializer,
): Pick<VisionEncoder, 'head' | 'distillationHead'> {
  const plain = (name: string): Linear<'width', 'label'> =>
    createLinear(foldIn(key, name), { width }, { label: labels }, { initializer })
  if (from === 'first and mean')
    return {
      head: createLinear(foldIn(key, 'class'), { half: 2, width }, { label: labels }, { initializer }),
    }
  return { head: plain('class'), ...(from === 'both tokens' && { distillationHead: plain('distillation') }) }
}

/** What happens in one run of an encoder of pictures. */
export interface VisionOptions {
  /** While training. */
  readonly dropout?: BlockDropout | undefined
  /** Forget what happens inside each block, and compute it again for the gradient: less memory, more time. */
  readonly rematerialize?: boolean | undefined
}

/**
 * The last states: a vector of `width` numbers for each token in front and for each patch, those of the
 * uppermost row first. Positions are interpolated where pictures have another size than those of training.
 * Names, for `observe`: patch, position, embeddingNorm.*, blocks.N.*, finalNorm.*.
 *
 * @throws ShapeError for pictures that are smaller than a patch, or have other channels
 */
export function imageStates(
  model: Quantized<VisionEncoder>,
  design: VisionDesign,
  pixels: Pixels,
  { dropout, rematerialize = false }: VisionOptions = {},
): Sequence {
  return scope(() => {
    const { picture, tokens, embeddingNorm, finalNorm, blocks } = design
    checkChannels(pixels, picture.channels)
    const patches = tap('patch', embedPatches(model.patch, pixels, picture.patch))
    const batch = patches.size('batch')
    const front = tokens.map((name) => expand(model.token![name]!, { batch }))
    const grid = patchGrid(pixels.size('height'), pixels.size('width'), picture.patch)
    const positions = interpolatedPositions(model.position, learnedGrid(design), grid, tokens.length)
    let x: Sequence = front.length === 0 ? patches : concat([...front, patches], 'position')
    x = x.add(tap('position', positions))
    if (embeddingNorm !== undefined)
      x = within('embeddingNorm', () => norm(model.embeddingNorm!, x, 'width', embeddingNorm))
    if (dropout !== undefined && dropout.rate > 0) x = drop(x, dropout.rate, foldIn(dropout.key, 'embedding'))
    blocks.forEach((own, layer) => {
      const options = {
        ...blockOptions(own, { length: 0, masks: [] }, (all) => all[0]!),
        dropout: dropout && { ...dropout, key: foldIn(foldIn(dropout.key, 'blocks'), layer) },
      }
      const run = (block: Quantized<Block>, input: Sequence): Sequence => encoderBlock(block, input, options)
      x = within(`blocks.${layer}`, () =>
        (rematerialize ? checkpoint(observedAsNow(run)) : run)(model.blocks[layer]!, x),
      )
    })
    return finalNorm === undefined ? x : within('finalNorm', () => norm(model.norm!, x, 'width', finalNorm))
  })
}

function checkChannels(pixels: Pixels, channels: number): void {
  const { size } = axisOf('imageStates', pixels, 'channel')
  if (size === channels) return
  throw new ShapeError({
    operation: 'imageStates',
    axis: 'channel',
    expected: `${channels} channels`,
    found: String(size),
    hint: channels === 3 ? 'give red, green and blue' : 'give pictures as the model was trained on them',
  })
}

/** The states of the patches alone, without those of the tokens in front. */
export function patchStates(
  { tokens }: Pick<VisionDesign, 'tokens'>,
  states: Sequence,
): Tensor<'batch' | 'position' | 'width'> {
  return tokens.length === 0 ? states : states.slice('position', tokens.length, states.size('position'))
}
