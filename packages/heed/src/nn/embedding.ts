import { dot, gather, type Tensor } from '../tensor/index.js'

/** A vector for each entry of a vocabulary: of tokens, of positions, of segments. */
export interface Embedding {
  readonly weight: Tensor<'vocabulary' | 'width'>
}

/**
 * Look-up: the vector of each id. `ids` are i32, with any axes.
 *
 * @throws DtypeError if the ids are not i32
 * @throws ShapeError for an id outside the vocabulary
 */
export function embed<I extends string>({ weight }: Embedding, ids: Tensor<I>): Tensor<I | 'width'> {
  return gather(weight, ids, 'vocabulary')
}

/** A logit for each entry: the product with its vector. With the table of `embed`, the tied output of Press and Wolf 2017. */
export function unembed<A extends string>(
  { weight }: Embedding,
  x: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  return dot(x, weight as never, 'width' as never) as Tensor<Exclude<A, 'width'> | 'vocabulary'>
}
