/** Labels of pictures (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words"). */
import { checkNames, inWords, UsageError } from '../base/index.js'
import {
  imageLogits,
  imageStates,
  labelNames,
  type LoadedVision,
  ofFamily,
  type Running,
} from '../models/index.js'
import type { Attention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { collectedFilters } from './decoder-attention.js'
import {
  type FittedPicture,
  labelsByPlace,
  type PictureInput,
  pictureInWords,
  PictureReader,
  rowsOf,
  seePictures,
} from './pictures.js'
import { applied, type ScoreFunction, scoreFunctions } from './scores.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import type { LabelScore } from './text-classification.js'

/** How labels are given. */
export interface ImageClassificationOptions extends TaskOptions {
  /** How many of the likeliest labels are given; null: all. Default 5. */
  readonly top_k?: number | null | undefined
  /** From logits to scores. Default `softmax`. */
  readonly function_to_apply?: ScoreFunction | undefined
}

/** Pictures to labels: of one picture a list of labels, of a list a list for each. */
export interface ImageClassificationPipeline extends TaskPipeline<'image-classification', PictureInput> {
  <
    const Input extends PictureInput | readonly PictureInput[],
    const Options extends ImageClassificationOptions = Record<never, never>,
  >(
    images: Input,
    options?: Options & ImageClassificationOptions,
  ): Promise<TaskResult<Input, Options, LabelScore[]>>
}

/** Throws UsageError where the model has no head that classifies pictures. */
export function createImageClassification(opened: Opened): ImageClassificationPipeline {
  const task = 'image-classification'
  const loaded = ofFamily(opened.model, 'vision-encoder', task)
  const { head } = loaded.config
  if (head === undefined)
    throw new UsageError({
      operation: task,
      expected: 'a model with a head for it (…ForImageClassification)',
      found: `'${loaded.config.architecture}' without a head`,
      hint: 'take another checkpoint, or zero-shot-image-classification with a model of texts and pictures',
    })
  const labels = labelNames(loaded, head.labels)
  const reader = new PictureReader(task, loaded)
  const call = async (
    images: PictureInput | readonly PictureInput[],
    options: ImageClassificationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'top_k', 'function_to_apply'])
    const { top_k = 5, function_to_apply = 'softmax', attention = false } = options
    if (top_k !== null && !(Number.isSafeInteger(top_k) && top_k >= 1))
      throw refused('top_k, a whole number of at least 1, or null for all', inWords(top_k))
    if (!scoreFunctions.includes(function_to_apply))
      throw refused(`function_to_apply, one of ${scoreFunctions.join(', ')}`, inWords(function_to_apply))
    return seePictures(reader, images, options, {
      run(pixels) {
        const states = imageStates(loaded.model, loaded.config, pixels)
        const logits = imageLogits(loaded.model, loaded.config, states)
        return rowsOf(logits.values(['batch', 'label']), labels.length)
      },
      async result(logits, picture): Promise<LabelScore[]> {
        const scores = applied(function_to_apply, logits)
        const best = labels
          .map((label, i) => ({ label, score: scores[i]! }))
          .sort((a, b) => b.score - a.score)
          .slice(0, top_k ?? undefined)
        return attention
          ? Object.assign(best, { attention: await pictureAttention(loaded, reader, picture) })
          : best
      },
    })
  }
  return callable<ImageClassificationPipeline>(task, opened, call, pictureInWords)
}

/** What the patches of a picture attended to among themselves. */
export async function pictureAttention(
  { model, config, attentions }: Running<LoadedVision>,
  reader: PictureReader,
  picture: FittedPicture,
): Promise<Attention> {
  const { labels, patches } = reader.patchesOf(picture, attentions)
  const own = attentions.filter(({ queries }) => queries === 'patch')
  const filters = await reader.withPixels([picture], (pixels) =>
    collectedFilters(
      own.map(({ name }) => name),
      () => imageStates(model, config, pixels),
    ),
  )
  return { filters, labels: labelsByPlace(own, { patch: labels }), patches }
}

function refused(expected: string, found: string): UsageError {
  return new UsageError({ operation: 'image-classification', expected, found, hint: 'correct the option' })
}
