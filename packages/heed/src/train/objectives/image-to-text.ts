import { checkNames } from '../../base/index.js'
import {
  type Captioner,
  encodeImage,
  type LoadedCaptioner,
  type Running,
  targetLogits,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { crossEntropy, type Tensor } from '../../tensor/index.js'
import type { Picture, Pixels } from '../../vision/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import { type DescribedPicture, PictureEncoder } from './pictures.js'
import { joinedNumbers, textEncoder, textField, type TextOptions, wrongRecord } from './texts.js'

const name = 'image-to-text'

/** What `imageToText` may be told. */
export interface ImageToTextTraining extends TextOptions {
  /** The share of each target that is spread evenly over all tokens. Default 0. */
  readonly labelSmoothing?: number | undefined
}

/** A picture in the model's size, the ids that the decoder reads, and what it is to say at each. */
export interface CaptionExample {
  readonly picture: Picture
  readonly inputs: Int32Array
  readonly labels: Int32Array
}

/** A batch of `imageToText`: pictures, and captions one behind the other. */
export interface CaptionBatch {
  readonly pixels: Pixels
  readonly inputs: Tensor<'batch' | 'position'>
  readonly lengths: readonly number[]
  readonly labels: Tensor<'batch' | 'position'>
}

/**
 * Learns to describe pictures (Vinyals et al. 2015, "Show and Tell"): each token from those before it and the
 * picture. Metric: `accuracy`, over the tokens of descriptions.
 *
 * @throws UsageError where the model's folder doesn't say how pictures become numbers
 */
export function imageToText(
  loaded: Running<LoadedCaptioner>,
  options: ImageToTextTraining = {},
): Objective<DescribedPicture, CaptionExample, CaptionBatch, Quantized<Captioner>> {
  checkNames(name, options, ['maximum', 'labelSmoothing'] satisfies (keyof typeof options)[])
  const { config } = loaded
  const { tokenizer, maximum } = textEncoder(name, loaded, options)
  const { labelSmoothing = 0 } = options
  const pictures = new PictureEncoder(name, loaded)
  return {
    name,
    settings: { maximum, labelSmoothing },
    encode({ image, text }) {
      const { ids } = tokenizer.encode(textField(name, 'text', text), {
        addSpecial: false,
        padding: null,
        truncation: null,
      })
      if (ids.length === 0) throw wrongRecord(name, 'a text of at least one token', 'an empty one')
      const labels = Int32Array.from([...ids.slice(0, Math.max(1, maximum - 1)), config.end])
      const inputs = Int32Array.from(labels, (_, i) => (i > 0 ? labels[i - 1]! : config.start!))
      return [{ picture: pictures.fitted(image), inputs, labels }]
    },
    lengthOf: ({ labels }) => labels.length,
    collate: (examples) => ({
      pixels: pictures.pixels(examples.map(({ picture }) => picture)),
      inputs: joinedNumbers(examples.map(({ inputs }) => inputs)),
      lengths: examples.map(({ inputs }) => inputs.length),
      labels: joinedNumbers(examples.map(({ labels }) => labels)),
    }),
    loss(model, { pixels, inputs, lengths, labels }, { run }) {
      const states = encodeImage(model, config, pixels, run)
      const each = states.size('position')
      const all = states.merge(['batch', 'position'], 'position')
      const source = all.split('position', { batch: 1, position: all.size('position') })
      const sources = lengths.map(() => each)
      const logits = targetLogits(model, config, inputs, source, { rows: { lengths, sources }, ...run })
      return {
        loss: crossEntropy(logits, labels, 'vocabulary', { labelSmoothing }),
        weight: labels.size('position'),
        metrics: { accuracy: accuracy(logits, labels, 'vocabulary') },
      }
    },
  }
}
