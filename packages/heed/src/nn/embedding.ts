import { type AnyTensor, dot, gather, type Tensor } from '../tensor/index.js'
import { isLowRank, isQuantized, type Weight, weightProducts } from './weight.js'

/** A vector for each entry of a vocabulary: of tokens, of positions, of segments. */
export interface Embedding<W extends Weight<'vocabulary' | 'width'> = Tensor<'vocabulary' | 'width'>> {
  readonly weight: W
}

/**
 * Look-up: the vector of each id. `ids` are i32, with any axes. Of a quantized table it is what the numbers
 * there stand for.
 *
 * @throws DtypeError if the ids are not i32
 * @throws ShapeError for an id outside the vocabulary
 */
export function embed<I extends string>(
  { weight }: Embedding<Weight<'vocabulary' | 'width'>>,
  ids: Tensor<I>,
): Tensor<I | 'width'> {
  if (isQuantized(weight)) return weight.operations.gather(weight, ids, 'vocabulary')
  if (!isLowRank(weight)) return gather(weight, ids, 'vocabulary')
  const { base, down, up, scale } = weight
  const residual = embed({ weight: base }, ids)
  return dot(gather(up, ids, 'vocabulary'), down, 'rank', { scale, residual } as never) as never
}

/**
 * A logit for each entry: the product with its vector. With the table of `embed`, the tied output of Press
 * and Wolf 2017.
 */
export function unembed<A extends string>(
  { weight }: Embedding<Weight<'vocabulary' | 'width'>>,
  x: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  const [logits] = weightProducts([{ weight }], x, 'width')
  return logits as AnyTensor as Tensor<Exclude<A, 'width'> | 'vocabulary'>
}
