/** DeBERTa's vectors of distances, and the scores that they make (nn/disentangled.ts). */
import { foldIn, type RandomKey } from '../../base/index.js'
import {
  type Block,
  createLinear,
  createNorm,
  debertaBucketOf,
  disentangledScore,
  type Initializer,
  type Linear,
  norm,
  type Norm,
  type Quantized,
  type ScoreFrom,
} from '../../nn/index.js'
import { within } from '../../observe/index.js'
import type { Tensor } from '../../tensor/index.js'
import { type DisentangledDesign, distancesOf, type EncoderDesign } from './design.js'

/** The weights behind scores by distance. */
export interface Distances {
  readonly table: Tensor<'distance' | 'width'>
  readonly norm?: Norm
  /** Of each layer, where distances have projections of their own. */
  readonly projections?: readonly DistanceProjections[]
}

/** What a layer's scores project distances with. */
export interface DistanceProjections {
  readonly key?: Linear<'width', 'head' | 'headWidth'>
  readonly query?: Linear<'width', 'head' | 'headWidth'>
}

/** Distances before training. */
export function createDistances(
  key: RandomKey,
  design: DisentangledDesign,
  { width, blocks }: EncoderDesign,
  initializer: Initializer,
): Distances {
  const { contentToPosition, positionToContent, shared } = design
  const distance = distancesOf(design)
  const project = (from: RandomKey, layer: number): Linear<'width', 'head' | 'headWidth'> => {
    const { heads, headWidth = width / heads } = blocks[layer]!.shape
    return createLinear(from, { width }, { head: heads, headWidth }, { initializer })
  }
  return {
    table: initializer(foldIn(key, 'table'), { distance, width }, distance, width),
    ...(design.norm && { norm: createNorm({ width }, { initializer }) }),
    ...(!shared && {
      projections: blocks.map((_, layer) => {
        const own = foldIn(foldIn(key, 'projections'), layer)
        return {
          ...(contentToPosition && { key: project(foldIn(own, 'key'), layer) }),
          ...(positionToContent && { query: project(foldIn(own, 'query'), layer) }),
        }
      }),
    }),
  }
}

/**
 * The table, normalized where the design says so; undefined where the model has none. Names: distance.norm.*.
 */
export function distanceVectors(
  distances: Quantized<Distances> | undefined,
  { disentangled }: EncoderDesign,
): Tensor<'distance' | 'width'> | undefined {
  if (distances === undefined || disentangled === undefined) return undefined
  const { table, norm: own } = distances
  if (own === undefined) return table
  return within('distance', () => within('norm', () => norm(own, table, 'width', disentangled.norm)))
}

/** How a layer makes scores of its queries and keys. */
export function scoreByDistance(
  { projections }: Quantized<Distances>,
  block: Quantized<Block>,
  { blocks, disentangled }: EncoderDesign,
  vectors: Tensor<'distance' | 'width'>,
  layer: number,
): ScoreFrom {
  const { buckets, maximumDistance, contentToPosition, positionToContent, shared } = disentangled!
  const { shape, attention } = blocks[layer]!
  const { headWidth = shape.width / shape.heads } = shape
  const maps = shared ? block.attention : projections![layer]!
  const half = buckets ?? maximumDistance
  return disentangledScore(vectors, {
    key: contentToPosition ? maps.key : undefined,
    query: positionToContent ? maps.query : undefined,
    scale: attention.scale ?? 1 / Math.sqrt(headWidth),
    rowOf: (distance) =>
      half + (buckets === undefined ? distance : debertaBucketOf(distance, { buckets, maximumDistance })),
  })
}
