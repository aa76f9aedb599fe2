/** What is computed from the last states of a picture: its vector, and logits of labels. */
import { UsageError } from '../../base/index.js'
import {
  addTo,
  crossAttention,
  feedForward,
  linear,
  type Linear,
  norm,
  poolMean,
  type Quantized,
  type Sequence,
} from '../../nn/index.js'
import { tap, within } from '../../observe/index.js'
import { activate, type AnyTensor, expand, scope, stack, type Tensor } from '../../tensor/index.js'
import { blockOptions } from '../layer-design.js'
import type { VisionDesign } from './design.js'
import { patchStates, type Probe, type VisionEncoder } from './vision-encoder.js'

/**
 * One vector for each picture, as the model makes it: of the first state, or by attention of a learned query.
 * Names: vectorNorm.*, probe.*, pooled.
 *
 * @param states what `imageStates` gave
 */
export function imageVector(
  model: Quantized<VisionEncoder>,
  { vector }: VisionDesign,
  states: Sequence,
): Tensor<'batch' | 'width'> {
  return scope(() => {
    if (vector.kind === 'probe') return tap('pooled', asked(model.probe!, vector.layer, states))
    const first = states.at('position', 0)
    if (vector.kind === 'dense') {
      const dense = linear<'batch' | 'width', 'width', 'pooled'>(model.pooler!, first, 'width')
      return tap('pooled', activate(dense.rename({ pooled: 'width' }), vector.activation))
    }
    const { norm: options } = vector
    if (options === undefined) return tap('pooled', first)
    return tap(
      'pooled',
      within('vectorNorm', () => norm(model.vectorNorm!, first, 'width', options)),
    )
  })
}

/** What the probe finds (Zhai et al. 2022, "Scaling Vision Transformers", section 3.2). */
function asked(
  probe: Quantized<Probe>,
  layer: Extract<VisionDesign['vector'], { kind: 'probe' }>['layer'],
  states: Sequence,
): Tensor<'batch' | 'width'> {
  const {
    attention: _,
    activation,
    norm: options,
  } = blockOptions(layer, { length: 0, masks: [] }, (all) => all[0]!)
  return within('probe', () => {
    const query = expand(probe.vector, { batch: states.size('batch') })
    const found = within('attention', () => crossAttention(probe.attention, query, states))
    const normed = within('norm', () => norm(probe.norm, found, 'width', options))
    const more = within('feedForward', () => feedForward(probe.feedForward, normed, { activation }))
    return addTo(found, more, undefined).at('position', 0)
  })
}

/**
 * The logits of the labels of each picture. Names: logits; of DeiT also classLogits and distillationLogits,
 * whose mean they are.
 *
 * @param states what `imageStates` gave
 * @throws UsageError where the model has no head
 */
export function imageLogits(
  model: Quantized<VisionEncoder>,
  design: VisionDesign,
  states: Sequence,
): Tensor<'batch' | 'label'> {
  const { head } = design
  if (head === undefined || model.head === undefined)
    throw new UsageError({
      operation: 'imageLogits',
      expected: 'a model with a head',
      found: `one of '${design.architecture}' without`,
      hint: 'take a checkpoint whose class is …ForImageClassification',
    })
  return scope(() => {
    const of = (own: unknown, vectors: Tensor<'batch' | 'width'>): Tensor<'batch' | 'label'> =>
      linear<'batch' | 'width', 'width', 'label'>(
        own as Quantized<Linear<'width', 'label'>>,
        vectors,
        'width',
      )
    const first = states.at('position', 0)
    if (head.from === 'first') return tap('logits', of(model.head, first))
    if (head.from === 'both tokens') {
      const one = tap('classLogits', of(model.head, first))
      const other = tap('distillationLogits', of(model.distillationHead, states.at('position', 1)))
      return tap('logits', one.add(other).mul(0.5))
    }
    const both = stack([first, poolMean(patchStates(design, states))], 'half')
    const logits = linear<'batch' | 'half' | 'width', 'half' | 'width', 'label'>(
      model.head as Quantized<Linear<'half' | 'width', 'label'>>,
      both as AnyTensor as Tensor<'batch' | 'half' | 'width'>,
      ['half', 'width'],
    )
    return tap('logits', logits)
  })
}
