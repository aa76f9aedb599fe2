/**
 * Two towers, of texts and of pictures: each makes a vector, and how alike the vectors are says what belongs
 * together (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision";
 * Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training").
 */
import { foldIn, type RandomKey } from '../../base/index.js'
import {
  allOf,
  causal,
  createBlock,
  createEmbedding,
  createLinear,
  encoderBlock,
  type Initializer,
  linear,
  type Linear,
  type Quantized,
  type Sequence,
} from '../../nn/index.js'
import { tap, within } from '../../observe/index.js'
import {
  type AnyTensor,
  dot,
  full,
  gather,
  map,
  type Mask,
  scope,
  softmax,
  type Tensor,
  tensor,
  unitLength,
} from '../../tensor/index.js'
import type { Pixels } from '../../vision/index.js'
import { createStack, runStack, type SourceOptions, type Stack } from '../encoder-decoder/index.js'
import type { TextTowerDesign, TowersDesign } from './towers-design.js'
import { scaledInitializer } from './initial.js'
import { createVisionEncoder, imageStates, type VisionEncoder, type VisionOptions } from './vision-encoder.js'
import { imageVector } from './vision-output.js'

/** The parameters of two towers. */
export interface Towers {
  readonly text: Stack
  readonly image: VisionEncoder
  readonly textProjection: Linear<'width', 'feature'>
  readonly imageProjection?: Linear<'width', 'feature'>
  /** Similarities are multiplied by e to this. */
  readonly logScale: Tensor<never>
  readonly logitBias?: Tensor<never>
}

/**
 * Two towers before training: as `scaledInitializer` makes them, biases 0; the scale of similarities as the
 * design has it.
 *
 * @param initializer another one for all weights
 */
export function createTowers(
  design: TowersDesign,
  key: RandomKey,
  { initializer = scaledInitializer }: { readonly initializer?: Initializer } = {},
): Towers {
  const { text, image, features, imageProjection = true, textProjectionBias = false, pairing } = design
  const ofText = foldIn(key, 'text')
  const number = (value: number): Tensor<never> => initializer.constant?.({}, 1) ?? full({}, value)
  const project = (name: string, width: number, bias: boolean): Linear<'width', 'feature'> =>
    createLinear(foldIn(key, name), { width }, { feature: features }, { bias, initializer })
  return {
    text: {
      embedding: createEmbedding(foldIn(ofText, 'embedding'), text, initializer),
      ...createStack(ofText, text.stack, text, createBlock, initializer),
    },
    image: createVisionEncoder(image, foldIn(key, 'image'), { initializer }),
    textProjection: project('textProjection', text.width, textProjectionBias),
    ...(imageProjection && { imageProjection: project('imageProjection', image.width, false) }),
    logScale: number(design.logScale),
    ...(pairing === 'sigmoid' && { logitBias: number(-10) }),
  }
}

/** One vector for each text, or for each picture. */
export type FeatureVectors = Tensor<'batch' | 'width'>

/**
 * The vectors of pictures that texts' vectors are compared with. Names: image.* as of `imageStates` and
 * `imageVector`, imageFeatures.
 *
 * @throws as `imageStates` does
 */
export function imageFeatures(
  model: Quantized<Towers>,
  { image }: TowersDesign,
  pixels: Pixels,
  options: VisionOptions = {},
): FeatureVectors {
  return scope(() => {
    const vector = within('image', () =>
      imageVector(model.image, image, imageStates(model.image, image, pixels, options)),
    )
    return tap('imageFeatures', projected(model.imageProjection, vector))
  })
}

/**
 * The last states of texts. Names: text.embedding, text.position, text.blocks.N.*, text.finalNorm.*.
 *
 * @param ids i32; SigLIP's are filled up to the context
 * @throws ShapeError for ids outside the vocabulary; UsageError for texts that are longer than the context
 */
export function textTowerStates(
  model: Quantized<Towers>,
  { text }: TowersDesign,
  ids: Tensor<'batch' | 'position'>,
  { mask, lengths, dropout, ...options }: SourceOptions = {},
): Sequence {
  const masks = [...(text.causal ? [causal] : []), ...(mask === undefined ? [] : [mask])] as Mask[]
  const rows = lengths && { lengths }
  return within('text', () =>
    runStack(model.text, text.stack, text, ids, {
      ...options,
      dropout: dropout && { ...dropout, key: foldIn(dropout.key, 'text') },
      bidirectional: true,
      mask: masks.length < 2 ? masks[0] : allOf(...masks),
      standing: { start: 0, lengths },
      block: (layer, x, own) =>
        encoderBlock(model.text.blocks[layer]!, x, {
          ...own,
          attention: { ...own.attention, ...(rows && { rows }) },
        }),
    }),
  )
}

/**
 * The vectors of texts that pictures' vectors are compared with. Names: text.*, textFeatures.
 *
 * @param ids i32: each text as the model's tokenizer gives it, its end token included. With `lengths` they
 * stand one after the other in a batch of 1
 * @throws as `textTowerStates` does
 */
export function textFeatures(
  model: Quantized<Towers>,
  design: TowersDesign,
  ids: Tensor<'batch' | 'position'>,
  options: SourceOptions = {},
): FeatureVectors {
  return scope(() => {
    const states = textTowerStates(model, design, ids, options)
    const vector = statesThatStand(states, ids, design.text, options.lengths)
    return tap('textFeatures', projected(model.textProjection, vector))
  })
}

function projected(
  projection: Quantized<Linear<'width', 'feature'>> | undefined,
  vector: FeatureVectors,
): FeatureVectors {
  if (projection === undefined) return vector
  const made = linear<'batch' | 'width', 'width', 'feature'>(projection, vector, 'width')
  return made.rename({ feature: 'width' })
}

/** The state of each text that stands for it. */
function statesThatStand(
  states: Sequence,
  ids: Tensor<'batch' | 'position'>,
  { pooled }: TextTowerDesign,
  lengths: readonly number[] | undefined,
): FeatureVectors {
  const values = ids.values(['batch', 'position'])
  const length = ids.size('position')
  const counts = lengths ?? Array<number>(ids.size('batch')).fill(length)
  let end = 0
  const places = counts.map((count) => {
    const start = end
    end += count
    const place = placeIn(values.subarray(start, end), pooled)
    return lengths === undefined ? place : start + place
  })
  const at = tensor(places, { batch: places.length }, { dtype: 'i32', device: states.device })
  const from: AnyTensor = lengths === undefined ? states : states.at('batch', 0)
  return gather(from as Tensor<'batch' | 'position' | 'width'>, at, 'position') as AnyTensor as FeatureVectors
}

/** Where the state that stands for a text is: where there is no end token, the first. */
function placeIn(ids: ArrayLike<number>, pooled: TextTowerDesign['pooled']): number {
  const row = Array.from(ids)
  if (pooled.at === 'last') return row.length - 1
  const wanted = pooled.at === 'end' ? pooled.id : Math.max(...row)
  return Math.max(0, row.indexOf(wanted))
}

/**
 * How much each picture and each text belong together: their cosine, scaled as the model learned it.
 *
 * @param images what `imageFeatures` gave
 * @param texts what `textFeatures` gave
 */
export function pairLogits(
  { logScale, logitBias }: Pick<Quantized<Towers>, 'logScale' | 'logitBias'>,
  images: FeatureVectors,
  texts: FeatureVectors,
): Tensor<'image' | 'text'> {
  return scope(() => {
    const cosines = dot(
      unitLength(images, 'width').rename({ batch: 'image' }),
      unitLength(texts, 'width').rename({ batch: 'text' }),
      'width',
    )
    const scaled = map((cosine, log) => cosine.mul(log.exp()), cosines, logScale)
    return tap('logits', logitBias === undefined ? scaled : scaled.add(logitBias))
  })
}

/**
 * What `pairLogits` gave as probabilities: of CLIP the share of each text in a picture, of SigLIP whether a
 * text and a picture belong together.
 */
export function pairProbabilities(
  { pairing }: Pick<TowersDesign, 'pairing'>,
  logits: Tensor<'image' | 'text'>,
): Tensor<'image' | 'text'> {
  return pairing === 'softmax' ? softmax(logits, 'text') : map((logit) => logit.sigmoid(), logits)
}
