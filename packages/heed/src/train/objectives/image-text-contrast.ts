import { checkNames } from '../../base/index.js'
import {
  imageFeatures,
  type LoadedTowers,
  pairLogits,
  type Running,
  textFeatures,
  type Towers,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { map, tensor, type Tensor } from '../../tensor/index.js'
import type { Picture, Pixels } from '../../vision/index.js'
import { clipLoss, siglipLoss } from '../losses/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import { type DescribedPicture, PictureEncoder } from './pictures.js'
import { encodedText, joinedNumbers, textEncoder, textField, type TextOptions } from './texts.js'

const name = 'image-text-contrast'

/** A picture in the model's size, and a text's ids as its tower reads them. */
export interface PairedExample {
  readonly picture: Picture
  readonly ids: Int32Array
}

/** A batch of `imageTextContrast`: pictures, and their texts one behind the other. */
export interface PairedBatch {
  readonly pixels: Pixels
  readonly ids: Tensor<'batch' | 'position'>
  readonly lengths: readonly number[]
  /** The number of the first text that is equal to each. */
  readonly first: readonly number[]
}

/**
 * Learns which picture and which text belong together: CLIP's loss over the pairs of a batch (Radford et al.
 * 2021, figure 3), or SigLIP's where the model pairs by sigmoids (Zhai et al. 2023). Each of a batch's texts
 * stands against all others, but for its equals: what the tokenizer makes the same ids of is no negative.
 * Metric: `accuracy`, the share of pictures whose own text fits best among those that differ.
 *
 * @throws UsageError where the model's folder doesn't say how pictures become numbers
 */
export function imageTextContrast(
  loaded: Running<LoadedTowers>,
  options: TextOptions = {},
): Objective<DescribedPicture, PairedExample, PairedBatch, Quantized<Towers>> {
  checkNames(name, options, ['maximum'] satisfies (keyof typeof options)[])
  const { config } = loaded
  const { pooled, context } = config.text
  const texts = textEncoder(name, loaded, options)
  const { maximum } = texts
  const pictures = new PictureEncoder(name, loaded)
  /** With the token whose state stands for the text. */
  const ended = (ids: Int32Array): Int32Array => {
    if (pooled.at === 'last') {
      const filled = new Int32Array(context).fill(pooled.padding)
      filled.set(ids.subarray(0, context))
      return filled
    }
    if (pooled.at === 'largest' || ids.includes(pooled.id)) return ids
    return Int32Array.from([...ids.subarray(0, maximum - 1), pooled.id])
  }
  return {
    name,
    settings: { maximum },
    encode: ({ image, text }) => [
      {
        picture: pictures.fitted(image),
        ids: ended(encodedText(name, texts, textField(name, 'text', text)).ids),
      },
    ],
    lengthOf: ({ ids }) => ids.length,
    collate: (examples) => ({
      pixels: pictures.pixels(examples.map(({ picture }) => picture)),
      ids: joinedNumbers(examples.map(({ ids }) => ids)),
      lengths: examples.map(({ ids }) => ids.length),
      first: firstEqual(examples.map(({ ids }) => ids.join())),
    }),
    loss(model, { pixels, ids, lengths, first }, { run }) {
      const images = imageFeatures(model, config, pixels, run)
      const said = textFeatures(model, config, ids, { lengths, ...run })
      const { logScale, logitBias } = model
      const count = lengths.length
      const own = tensor(
        Int32Array.from({ length: count }, (_, i) => i),
        { image: count },
        { dtype: 'i32' },
      )
      const excluded = equalsOf(first)
      const logits = pairLogits(model, images, said)
      const apart =
        excluded === undefined
          ? logits
          : map(
              (logit, is) => is.ne(0).select(-Infinity, logit),
              logits,
              excluded.rename({ batch: 'image', candidate: 'text' }),
            )
      return {
        loss:
          logitBias === undefined
            ? clipLoss(images, said, logScale, { excluded })
            : siglipLoss(images, said, logScale, logitBias, { excluded }),
        weight: count,
        metrics: { accuracy: accuracy(apart, own, 'text') },
      }
    },
  }
}

/** For each text the place of the first that is equal to it. */
function firstEqual(texts: readonly string[]): number[] {
  const places = new Map<string, number>()
  return texts.map((text, i) => {
    const known = places.get(text) ?? i
    places.set(text, known)
    return known
  })
}

/** 1 where another picture's text is equal to a picture's own. Undefined where all differ. */
function equalsOf(first: readonly number[]): Tensor<'batch' | 'candidate'> | undefined {
  if (first.every((place, i) => place === i)) return undefined
  const numbers = first.flatMap((own, i) => first.map((other, j) => (i !== j && own === other ? 1 : 0)))
  return tensor(numbers, { batch: first.length, candidate: first.length })
}
