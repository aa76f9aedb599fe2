import { checkPositive } from '../base/index.js'
import { adjustable, capture, type Mask, type Score, tensor, type Tensor } from '../tensor/index.js'

/** What an attention is told so that each head sees no further than it learned to. */
export interface AdaptiveSpan {
  /** Takes the logarithm of the soft mask into the score. */
  readonly score: Score
  /** What the soft mask leaves nothing of, so that these keys are skipped. */
  readonly mask: Mask
}

/**
 * A span for each head that is learned (Sukhbaatar et al. 2019, "Adaptive Attention Span in Transformers",
 * equations 1 and 2): the weight of a key at distance x is
 *
 *     m(x) exp(score) / Σ m exp(score),   m(x) = min(max((ramp + span − x) / ramp, 0), 1)
 *
 * m exp(score) is exp(score + ln m), so that it is a score, and the sum of the row needs no second pass. Join
 * `mask` with `causal` by `allOf`.
 *
 * `span` has positions for each head, at least 0; its gradient is that of the ramp. The paper adds its mean,
 * times a small number, to the loss.
 *
 * @param ramp over how many positions the weight falls to 0; the paper has 32
 * @throws UsageError unless the ramp is above 0
 */
export function adaptiveSpan(span: Tensor<'head'>, ramp = 32): AdaptiveSpan {
  checkPositive('adaptiveSpan', 'ramp', ramp)
  const reach = Int32Array.from(span.values(), (positions) => Math.max(0, Math.ceil(positions + ramp)))
  const reaches = tensor(reach, { head: reach.length }, { dtype: 'i32', device: span.device })
  return {
    score: (score, { head, query, key }) => {
      const width = adjustable(ramp)
      const distance = query.sub(key).abs().toFloat()
      const soft = capture(span).at({ head }).add(width).sub(distance).div(width).min(1)
      const some = soft.gt(0)
      return some.select(score.add(some.select(soft, 1).log()), -Infinity)
    },
    mask: ({ head, query, key }) => query.sub(key).abs().lt(capture(reaches, 'integer').at({ head })),
  }
}
