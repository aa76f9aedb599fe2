import { linear, type Quantized } from '../../../nn/index.js'
import { tap } from '../../../observe/index.js'
import type { AnyTensor, Tensor } from '../../../tensor/index.js'
import { type Head, throughDense } from './head.js'
import type { AnswerDesign, ClassificationDesign, TokenDesign } from './head-design.js'

/**
 * Logits of labels from one vector for each text (classification), or from one for each position (tokens,
 * and the two ends of an answer). Name: `logits`.
 */
export function labelLogits<A extends string>(
  head: Quantized<Head>,
  { dense }: ClassificationDesign | TokenDesign | AnswerDesign,
  vectors: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'label'> {
  const x = throughDense<A>(head, dense, vectors) as AnyTensor as Tensor<'batch' | 'width'>
  const logits = linear<'batch' | 'width', 'width', 'label'>(head.output!, x, 'width')
  return tap('logits', logits) as AnyTensor as Tensor<Exclude<A, 'width'> | 'label'>
}
