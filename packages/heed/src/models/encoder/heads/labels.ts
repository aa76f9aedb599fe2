import { type Dropout, linear, type Quantized } from '../../../nn/index.js'
import { tap } from '../../../observe/index.js'
import { type AnyTensor, dropout, type Tensor } from '../../../tensor/index.js'
import { type Head, throughDense } from './head.js'
import type { AnswerDesign, ClassificationDesign, TokenDesign } from './head-design.js'

/**
 * Logits of labels from one vector for each text (classification), or from one for each position (tokens,
 * and the two ends of an answer). Name: `logits`.
 *
 * @param dropped what is dropped of what the last layer reads
 */
export function labelLogits<A extends string>(
  head: Quantized<Head>,
  { dense }: ClassificationDesign | TokenDesign | AnswerDesign,
  vectors: Tensor<A | 'width'>,
  dropped?: Dropout,
): Tensor<Exclude<A, 'width'> | 'label'> {
  const x = throughDense<A>(head, dense, vectors) as AnyTensor as Tensor<'batch' | 'width'>
  const kept = dropped === undefined || dropped.rate === 0 ? x : dropout(x, dropped.rate, dropped.key)
  const logits = linear<'batch' | 'width', 'width', 'label'>(head.output!, kept, 'width')
  return tap('logits', logits) as AnyTensor as Tensor<Exclude<A, 'width'> | 'label'>
}
