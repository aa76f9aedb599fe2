import { type Embedding, linear, type Quantized } from '../../../nn/index.js'
import { tap } from '../../../observe/index.js'
import type { AnyTensor, Tensor } from '../../../tensor/index.js'
import { type Head, throughDense } from './head.js'
import type { MaskedLanguageDesign } from './head-design.js'

/**
 * The logits of the token at each position (Devlin et al. 2019, "BERT", section 3.1, masked LM): a dense
 * layer, a norm, and the product with each token's vector. Name: `logits`.
 *
 * @param embedding the model's, which a tied head shares
 */
export function maskedLanguageLogits<A extends string>(
  head: Quantized<Head>,
  { dense }: MaskedLanguageDesign,
  embedding: Quantized<Embedding>,
  states: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  const x = throughDense<A>(head, dense, states) as AnyTensor as Tensor<'batch' | 'width'>
  const { weight } = head.table ?? embedding
  const map = head.bias === undefined ? { weight } : { weight, bias: head.bias }
  const logits = linear<'batch' | 'width', 'width', 'vocabulary'>(map, x, 'width')
  return tap('logits', logits) as AnyTensor as Tensor<Exclude<A, 'width'> | 'vocabulary'>
}
