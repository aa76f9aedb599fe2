/** Training an encoder-decoder: what it is told of the target, and how far off it is. */
import type { Quantized } from '../../nn/index.js'
import { crossEntropy, scope, tensor, type Tensor } from '../../tensor/index.js'
import type { EncoderDecoderDesign, TargetDesign } from './design.js'
import { type EncoderDecoder, encodeSource, type SourceOptions } from './encoder-decoder.js'
import { targetLogits, type TargetOptions } from './target.js'

type Ids = Tensor<'batch' | 'position'>

/** What labels have where there is none. */
const noLabel = -100

/**
 * What the decoder gets, so that each position has to say its label: the labels moved by one, with the start
 * token in front. Where a target starts with its language (mBART), that is the last label that isn't padding.
 * −100, no label, becomes padding.
 *
 * @param labels i32
 */
export function shiftedLabels({ start, padding }: Pick<TargetDesign, 'start' | 'padding'>, labels: Ids): Ids {
  const shape = { batch: labels.size('batch'), position: labels.size('position') }
  const ids = Int32Array.from(labels.values(['batch', 'position']), (id) => (id === noLabel ? padding : id))
  for (let row = 0; row < ids.length; row += shape.position) {
    const own = ids.subarray(row, row + shape.position)
    const real = own.reduce((count, id) => count + (id === padding ? 0 : 1), 0)
    const first = start ?? own.at(real - 1)!
    own.copyWithin(1, 0, shape.position - 1)
    own[0] = first
  }
  return tensor(ids, shape, { dtype: 'i32', device: labels.device })
}

/**
 * The mean cross-entropy, in nats, of each label given those before it and the source; labels of −100 don't
 * count.
 *
 * @param source ids, i32
 * @param labels i32: the target and its end token
 * @throws as `encodeSource` does
 */
export function encoderDecoderLoss(
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  source: Ids,
  labels: Ids,
  {
    mask,
    ...options
  }: Pick<SourceOptions, 'mask'> & Omit<TargetOptions, 'cache' | 'rows' | 'mask' | 'sourceMask'> = {},
): Tensor<never> {
  return scope(() => {
    const states = encodeSource(model, design, source, { mask, ...options })
    const logits = targetLogits(model, design, shiftedLabels(design, labels), states, {
      sourceMask: mask,
      ...options,
    })
    return crossEntropy(logits, labels, 'vocabulary', { ignore: noLabel })
  })
}
