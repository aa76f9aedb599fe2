/** What losses of vectors have in common: how two are compared. */
import { dot, sum, type Tensor, unitLength } from '../../tensor/index.js'

/** A vector for each text, picture or whatever it may be. */
export type Vectors = Tensor<'batch' | 'width'>

/** How losses compare vectors: by the cosine of their angle, or by their product as it is. */
export type VectorComparison = 'cosine' | 'dot'

/** The comparison of each vector of `a` with each of `b`: batch candidate. */
export function scoresBetween(
  a: Vectors,
  b: Vectors,
  comparison: VectorComparison = 'cosine',
): Tensor<'batch' | 'candidate'> {
  const prepared = (x: Vectors): Vectors => (comparison === 'cosine' ? unitLength(x, 'width') : x)
  return dot(prepared(a), prepared(b).rename({ batch: 'candidate' }), 'width')
}

/** The cosine of each vector of `a` with the one of `b` of the same number; 0 with a vector of zeros. */
export function cosinesOf(a: Vectors, b: Vectors): Tensor<'batch'> {
  return sum(unitLength(a, 'width').mul(unitLength(b, 'width')), 'width')
}
