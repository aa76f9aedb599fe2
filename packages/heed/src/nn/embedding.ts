import { dot, gather, type Tensor } from '../tensor/index.js'
import { isQuantized, summedOver, type Weight } from './linear.js'

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
  return isQuantized(weight)
    ? weight.operations.gather(weight, ids, 'vocabulary')
    : gather(weight, ids, 'vocabulary')
}

/**
 * A logit for each entry: the product with its vector. With the table of `embed`, the tied output of Press
 * and Wolf 2017.
 */
export function unembed<A extends string>(
  { weight }: Embedding<Weight<'vocabulary' | 'width'>>,
  x: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  const logits = isQuantized(weight)
    ? weight.operations.dot(x, summedOver(weight, 'width'))
    : dot(x, weight as never, 'width' as never, { steady: true })
  return logits as Tensor<Exclude<A, 'width'> | 'vocabulary'>
}
