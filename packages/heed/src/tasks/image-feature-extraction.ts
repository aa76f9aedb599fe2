/** Vectors of pictures: one for each patch, or one for the whole picture. */
import { checkNames, inWords, UsageError } from '../base/index.js'
import { imageFeatures, imageStates, imageVector } from '../models/index.js'
import type { AnyTensor, Tensor } from '../tensor/index.js'
import type { Attention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { type Features, features } from './feature-extraction.js'
import { pictureAttention } from './image-classification.js'
import { type PictureInput, pictureInWords, PictureReader, rowsOf, seePictures } from './pictures.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { towersAttention } from './zero-shot-image-classification.js'

/** Which vectors are given. */
export interface ImageFeatureExtractionOptions extends TaskOptions {
  /**
   * Whether the picture becomes one vector, as the model makes it. Default: false, but for a model of texts
   * and pictures, whose one vector is what texts are compared with.
   */
  readonly pool?: boolean | null | undefined
}

/** Pictures to vectors: of one picture `Features`, of a list a list of them. */
export interface ImageFeatureExtractionPipeline extends TaskPipeline<
  'image-feature-extraction',
  PictureInput
> {
  <
    const Input extends PictureInput | readonly PictureInput[],
    const Options extends ImageFeatureExtractionOptions = Record<never, never>,
  >(
    images: Input,
    options?: Options & ImageFeatureExtractionOptions,
  ): Promise<TaskResult<Input, Options, Features>>
}

/** Throws UsageError where the model reads no pictures, or writes about them. */
export function createImageFeatureExtraction(opened: Opened): ImageFeatureExtractionPipeline {
  const task = 'image-feature-extraction'
  const loaded = opened.model
  if (loaded.family !== 'vision-encoder' && loaded.family !== 'dual-encoder')
    throw new UsageError({
      operation: task,
      expected: "a model of the family 'vision-encoder' or 'dual-encoder'",
      found: `'${loaded.architecture?.name ?? 'decoder'}', of the family '${loaded.family}'`,
      hint: 'take another model',
    })
  const reader = new PictureReader(task, loaded)
  const call = async (
    images: PictureInput | readonly PictureInput[],
    options: ImageFeatureExtractionOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'pool'])
    const { pool, attention = false } = options
    if (pool !== undefined && pool !== null && typeof pool !== 'boolean')
      throw new UsageError({
        operation: task,
        expected: 'pool, true or false',
        found: inWords(pool),
        hint: 'correct the option',
      })
    const pooled = pool ?? loaded.family === 'dual-encoder'
    const made = (pixels: Parameters<typeof imageStates>[2]): AnyTensor => {
      if (loaded.family === 'dual-encoder')
        return pooled
          ? imageFeatures(loaded.model, loaded.config, pixels)
          : imageStates(loaded.model.image, loaded.config.image, pixels)
      const states = imageStates(loaded.model, loaded.config, pixels)
      return pooled ? imageVector(loaded.model, loaded.config, states) : states
    }
    return seePictures(reader, images, options, {
      run(pixels) {
        const vectors = made(pixels) as Tensor<'batch' | 'position' | 'width'>
        const width = vectors.size('width')
        const count = pooled ? 1 : vectors.size('position')
        const numbers = pooled
          ? (vectors as AnyTensor as Tensor<'batch' | 'width'>).values(['batch', 'width'])
          : vectors.values(['batch', 'position', 'width'])
        const dims = pooled ? [1, width] : [1, count, width]
        return rowsOf(numbers, count * width).map((own) => features(dims, own))
      },
      async result(found, picture): Promise<Features> {
        if (!attention) return found
        const seen: Attention =
          loaded.family === 'dual-encoder'
            ? await towersAttention(loaded, reader, picture)
            : await pictureAttention(loaded, reader, picture)
        return Object.assign(found, { attention: seen })
      },
    })
  }
  return callable<ImageFeatureExtractionPipeline>(task, opened, call, pictureInWords)
}
