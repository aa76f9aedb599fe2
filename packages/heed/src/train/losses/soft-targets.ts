import { logSoftmax, map, sum, type AnyTensor, type Tensor } from '../../tensor/index.js'

/**
 * −Σ p ln softmax(logits) along an axis, for each row: cross-entropy with targets that are shares. A share of
 * 0 counts nothing, whatever its logit is. The shares are constants.
 */
export function softCrossEntropy<A extends string, K extends A>(
  logits: Tensor<A>,
  shares: Tensor<A>,
  axis: K,
): Tensor<Exclude<A, K>> {
  const parts = map(
    (share, likelihood) => share.gt(0).select(share.mul(likelihood).neg(), 0),
    shares,
    logSoftmax(logits, axis),
  )
  return sum(parts as AnyTensor as Tensor<A>, axis)
}
