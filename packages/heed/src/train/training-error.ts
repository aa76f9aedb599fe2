import { type ErrorDetail, HeedError } from '../base/index.js'

/**
 * A training that diverged: the loss or the gradient is NaN or infinite. The weights are those before the
 * step.
 */
export class DivergenceError extends HeedError {
  override name = 'DivergenceError'
  /** The step that was not made, from 0; NaN where no trainer counts. */
  readonly step: number
  readonly loss: number
  readonly gradientNorm: number
  /** The checkpoint with the last good state, where one was written. */
  readonly checkpoint: string | undefined

  constructor(
    detail: ErrorDetail & {
      readonly step: number
      readonly loss: number
      readonly gradientNorm: number
      readonly checkpoint?: string | undefined
    },
  ) {
    super(detail)
    this.step = detail.step
    this.loss = detail.loss
    this.gradientNorm = detail.gradientNorm
    this.checkpoint = detail.checkpoint
  }
}
