/**
 * The encoder transformer: token ids in, at every position a vector out that knows the whole text (Devlin et
 * al. 2019, "BERT"). What differs between architectures stands in their designs.
 */
import { foldIn, type RandomKey, UsageError } from '../../base/index.js'
import { checkpoint } from '../../autograd/index.js'
import {
  addPositions,
  allOf,
  type Block,
  createBlock,
  createEmbedding,
  createLinear,
  createNorm,
  type BlockDropout,
  embed,
  type Embedding,
  encoderBlock,
  type Initializer,
  linear,
  type Linear,
  local,
  norm,
  type Norm,
  normalInitializer,
  padding,
  type PositionNumbers,
  positionsEnd,
  type PositionTable,
  type Quantized,
  rowPositions,
  type Sequence,
  t5Bias,
} from '../../nn/index.js'
import { observedAsNow, tap, within } from '../../observe/index.js'
import {
  type AnyTensor,
  axisOf,
  dropout as drop,
  gather,
  type Mask,
  scope,
  slice,
  type Tensor,
  tensor,
} from '../../tensor/index.js'
import { blockOptions } from '../layer-design.js'
import type { EmbeddingDesign, EncoderDesign } from './design.js'
import { type Convolution, convolved, createConvolution } from './convolution.js'
import { createDistances, type Distances, distanceVectors, scoreByDistance } from './distances.js'
import { createHead, type Head } from './heads/index.js'
import type { TextRows } from './text-rows.js'

/** The parameters of an encoder. */
export interface Encoder {
  /** Of `embedding.width` numbers, which may be fewer than the model's. */
  readonly embedding: Embedding
  /** Learned positions, where the design has them. */
  readonly position?: PositionTable
  /** A vector for each token type. */
  readonly tokenType?: Tensor<'tokenType' | 'width'>
  readonly embeddingNorm: Norm
  /** From narrower embeddings to the model's width. */
  readonly projection?: Linear<'narrow', 'width'>
  /** A bias by distance that all layers share. */
  readonly relativeBias?: Tensor<'bucket' | 'head'>
  /** Vectors of distances (DeBERTa). */
  readonly distance?: Distances
  /** Beside the first layer (DeBERTa v2). */
  readonly convolution?: Convolution
  /** One for each layer, or for each group of layers that share it. */
  readonly blocks: readonly Block[]
  readonly norm?: Norm
  readonly pooler?: Linear<'width', 'pooled'>
  readonly head?: Head
}

/**
 * An encoder before training: normal with deviation 0.02 (BERT).
 *
 * @param initializer another one for all weights
 */
export function createEncoder(
  design: EncoderDesign,
  key: RandomKey,
  { initializer = normalInitializer() }: { readonly initializer?: Initializer } = {},
): Encoder {
  const { vocabulary, width, embedding, blocks, layers, groups = layers, heads } = design
  const { relativeBias, disentangled } = design
  const { width: narrow, positions, tokenTypes, normAfterProjection = false } = embedding
  const random = <A extends string>(name: string, shape: { readonly [K in A]: number }): Tensor<A> => {
    const [inputs, outputs] = Object.values<number>(shape) as [number, number]
    return initializer(foldIn(key, name), shape, inputs, outputs)
  }
  return {
    embedding: createEmbedding(foldIn(key, 'embedding'), { vocabulary, width: narrow }, initializer),
    ...(positions !== undefined && { position: random('position', { position: positions, width: narrow }) }),
    ...(tokenTypes !== undefined && {
      tokenType: random('tokenType', { tokenType: tokenTypes, width: narrow }),
    }),
    embeddingNorm: createNorm(
      { width: normAfterProjection ? width : narrow },
      { bias: embedding.normBias ?? true, initializer },
    ),
    ...((embedding.projects ?? narrow !== width) && {
      projection: createLinear(
        foldIn(key, 'projection'),
        { narrow },
        { width },
        { bias: embedding.projectionBias ?? true, initializer },
      ),
    }),
    ...(relativeBias && { relativeBias: random('relativeBias', { bucket: relativeBias.rows, head: heads }) }),
    ...(disentangled && {
      distance: createDistances(foldIn(key, 'distance'), disentangled, design, initializer),
      ...(disentangled.convolution && {
        convolution: createConvolution(
          foldIn(key, 'convolution'),
          { ...disentangled.convolution, width },
          initializer,
        ),
      }),
    }),
    blocks: Array.from({ length: groups }, (_, group) =>
      createBlock(foldIn(foldIn(key, 'blocks'), group), {
        ...blocks[Math.floor((group * layers) / groups)]!.shape,
        initializer,
      }),
    ),
    ...(design.finalNorm && {
      norm: createNorm({ width }, { bias: design.finalNormBias ?? true, initializer }),
    }),
    ...(design.pooler && {
      pooler: createLinear(foldIn(key, 'pooler'), { width }, { pooled: width }, { initializer }),
    }),
    ...(design.head && {
      head: createHead(foldIn(key, 'head'), design.head, { width, vocabulary }, initializer),
    }),
  }
}

/** What is dropped of an encoder's values while it is trained. */
export interface EncoderDropout extends BlockDropout {
  /** The share of what a classifier reads. Default `rate`, as BERT has it. */
  readonly head?: number | undefined
}

/**
 * What happens in one run of an encoder. A batch that is filled up gives `real`. Texts of several lengths
 * without filling stand one after the other in a batch of 1, with `rows`.
 */
export interface EncoderOptions extends TextRows {
  /** i32, which of a pair's texts a token is of; default 0. Architectures without token types ignore it. */
  readonly tokenTypes?: Tensor<'batch' | 'position'> | undefined
  /** i32, where each token stands in its text, from 0 on; default: one after the other. */
  readonly positions?: Exclude<PositionNumbers, number> | undefined
  /** Beside `real`: documents, a window. */
  readonly mask?: Mask | undefined
  /** While training. */
  readonly dropout?: EncoderDropout | undefined
  /** Forget what happens inside each block, and compute it again for the gradient: less memory, more time. */
  readonly rematerialize?: boolean | undefined
}

/**
 * The last states: one vector of `width` numbers for each position. Names, for `observe`: embedding,
 * tokenType, position, embeddingNorm.*, projection, blocks.N.*, finalNorm.*; N is the number of the layer,
 * also where layers share weights.
 *
 * @param ids i32
 * @throws ShapeError for ids or token types that the model hasn't; UsageError for positions beyond its table
 */
export function encoderStates(
  model: Quantized<Encoder>,
  design: EncoderDesign,
  ids: Tensor<'batch' | 'position'>,
  options: EncoderOptions = {},
): Sequence {
  return scope(() => {
    const { real, rows, dropout, mask, rematerialize = false } = options
    const given = options.positions ?? countedPositions(real)
    const length = Math.max(
      given === undefined ? 0 : positionsEnd(given),
      rows?.reduce((most, count) => Math.max(most, count), 0) ?? axisOf('encoder', ids, 'position').size,
    )
    let x = embedded(model, design.embedding, ids, options, given)
    if (dropout !== undefined && dropout.rate > 0) x = drop(x, dropout.rate, foldIn(dropout.key, 'embedding'))
    const filled = real && padding(real)
    const score = sharedBias(model, design)
    const first = x
    const distances = distanceVectors(model.distance, design)
    design.blocks.forEach((own, layer) => {
      const { window } = own.attention
      const masks = [window === undefined ? undefined : local(window), filled, mask] as const
      const block = model.blocks[groupOf(design, layer)]!
      const { attention, ...rest } = blockOptions(own, { length, positions: given, masks }, (all) =>
        allOf(...all),
      )
      const how = {
        ...rest,
        attention: {
          ...attention,
          ...(score && { score }),
          ...(distances && { scoreFrom: scoreByDistance(model.distance!, block, design, distances, layer) }),
          ...(rows && { rows: { lengths: rows } }),
        },
        dropout: dropout && { ...dropout, key: foldIn(foldIn(dropout.key, 'blocks'), layer) },
      }
      const run = (parameters: Quantized<Block>, input: Sequence): Sequence =>
        encoderBlock(parameters, input, how)
      x = within(`blocks.${layer}`, () => (rematerialize ? checkpoint(observedAsNow(run)) : run)(block, x))
      const { convolution } = design.disentangled ?? {}
      if (layer === 0 && model.convolution !== undefined && convolution !== undefined)
        x = convolved(model.convolution, { ...convolution, norm: own.norm }, first, x, options)
    })
    const last = model.norm
    return last === undefined ? x : within('finalNorm', () => norm(last, x, 'width', design.finalNorm))
  })
}

/** Which block's weights a layer has. */
export function groupOf({ layers, groups = layers }: EncoderDesign, layer: number): number {
  return Math.floor((layer * groups) / layers)
}

/** The sum of each token's vectors, normalized, as wide as the model. */
function embedded(
  model: Quantized<Encoder>,
  design: EmbeddingDesign,
  ids: Tensor<'batch' | 'position'>,
  { tokenTypes, rows }: EncoderOptions,
  positions: EncoderOptions['positions'],
): Sequence {
  const { positionOffset: offset = 0, normAfterProjection = false } = design
  const normed = (x: Sequence): Sequence =>
    within('embeddingNorm', () => norm(model.embeddingNorm, x, 'width', design.norm))
  let x: Sequence = tap('embedding', embed(model.embedding, ids))
  if (model.tokenType !== undefined) {
    const types: AnyTensor =
      tokenTypes === undefined
        ? model.tokenType.at('tokenType', 0)
        : gather(model.tokenType, tokenTypes, 'tokenType')
    x = x.add(tap('tokenType', types as Tensor<'width'>))
  }
  if (model.position !== undefined) {
    const places =
      positions === undefined
        ? rows &&
          rowPositions(
            rows,
            rows.map(() => offset),
          )
        : offset === 0
          ? positions
          : moved(positions, offset)
    x = addPositions(x, model.position, places ?? offset)
  }
  if (!normAfterProjection) x = normed(x)
  const { projection } = model
  if (projection !== undefined)
    x = tap(
      'projection',
      linear<'batch' | 'position' | 'narrow', 'narrow', 'width'>(
        projection,
        x.rename({ width: 'narrow' }),
        'narrow',
      ),
    )
  return normAfterProjection ? normed(x) : x
}

/** Numbers, each larger by `by`. */
function moved(numbers: Exclude<PositionNumbers, number>, by: number): Tensor<'position'> {
  const shape = Object.fromEntries(numbers.layout.map(({ name, size }) => [name, size]))
  const more = [...numbers.values(Object.keys(shape) as never)].map((number) => number + by)
  return tensor(more, shape, { dtype: 'i32' }) as AnyTensor as Tensor<'position'>
}

/** From 0 on at each row's first real position; undefined where that is the order in which they stand. */
function countedPositions(real: EncoderOptions['real']): EncoderOptions['positions'] {
  if (real === undefined) return undefined
  const [batch, position] = [real.size('batch'), real.size('position')]
  const is = real.values(['batch', 'position'])
  const numbers = new Int32Array(is.length)
  let plain = true
  for (let row = 0; row < batch; row++) {
    let next = 0
    for (let i = row * position; i < (row + 1) * position; i++) {
      if (is[i] === 0) continue
      if (next !== i - row * position) plain = false
      numbers[i] = next++
    }
  }
  return plain ? undefined : tensor(numbers, { batch, position }, { dtype: 'i32' })
}

/** The score with the bias that all layers share. */
function sharedBias(
  { relativeBias: table }: Quantized<Encoder>,
  { relativeBias }: EncoderDesign,
): ReturnType<typeof t5Bias> | undefined {
  if (table === undefined || relativeBias === undefined) return undefined
  const { buckets, maximumDistance, rows } = relativeBias
  const used = rows === buckets ? table : slice(table, 'bucket', 0, buckets)
  return t5Bias(used, { bidirectional: true, maximumDistance })
}

/** Throws UsageError where the model lacks what is asked for. */
export function lacking(what: string, { architecture }: EncoderDesign): never {
  throw new UsageError({
    operation: 'encoder',
    expected: `a model with ${what}`,
    found: `'${architecture}' without it`,
    hint: 'take a checkpoint whose class has it',
  })
}
