/**
 * Labels of pictures that the model has never seen as labels: which sentence about it is nearest to a picture
 * (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", section
 * 3.1). Several templates are an ensemble: a label's vector is the mean of those of its sentences (3.1.4).
 */
import { checkNames, inWords, UsageError } from '../base/index.js'
import {
  imageFeatures,
  type LoadedTowers,
  ofFamily,
  pairLogits,
  pairProbabilities,
  type Running,
  textFeatures,
  textTowerStates,
} from '../models/index.js'
import { dispose, scope, tensor, type Tensor, unitLength } from '../tensor/index.js'
import type { Attention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { collectedFilters, labelsOf } from './decoder-attention.js'
import {
  type FittedPicture,
  labelsByPlace,
  type PictureInput,
  pictureInWords,
  PictureReader,
  rowsOf,
  seePictures,
} from './pictures.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import type { LabelScore } from './text-classification.js'
import { checkText } from './texts.js'

/** How labels become sentences. */
export interface ZeroShotImageClassificationOptions extends TaskOptions {
  /**
   * The sentence that a label makes, `{}` where the label stands. Several are an ensemble. Default 'This is a
   * photo of {}'.
   */
  readonly hypothesis_template?: string | readonly string[] | undefined
}

/**
 * Pictures to any labels, the likeliest first: of one picture a list, of a list a list for each. `attention`
 * is that of the picture, and of the likeliest label's first sentence.
 */
export interface ZeroShotImageClassificationPipeline extends TaskPipeline<
  'zero-shot-image-classification',
  PictureInput
> {
  <
    const Input extends PictureInput | readonly PictureInput[],
    const Options extends ZeroShotImageClassificationOptions = Record<never, never>,
  >(
    images: Input,
    candidate_labels: string | readonly string[],
    options?: Options & ZeroShotImageClassificationOptions,
  ): Promise<TaskResult<Input, Options, LabelScore[]>>
}

/** Throws UsageError where the model isn't one of texts and pictures. */
export function createZeroShotImageClassification(opened: Opened): ZeroShotImageClassificationPipeline {
  const task = 'zero-shot-image-classification'
  const loaded = ofFamily(opened.model, 'dual-encoder', task)
  const reader = new PictureReader(task, loaded)
  const { around = (work) => work() } = opened
  const call = async (
    images: PictureInput | readonly PictureInput[],
    candidates: string | readonly string[],
    options: ZeroShotImageClassificationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'hypothesis_template'])
    const { hypothesis_template = 'This is a photo of {}', attention = false } = options
    const labels = listOf('candidate_labels', candidates, `write ${task}(image, ['cat', 'dog'])`)
    const templates = listOf('hypothesis_template', hypothesis_template, 'write {} for the label')
    const without = templates.find((template) => !template.includes('{}'))
    if (without !== undefined)
      throw refused('a hypothesis_template with {} in it', inWords(without), 'write {} for the label')
    const sentences = labels.map((label) => templates.map((template) => template.replace('{}', () => label)))
    const texts = around(() => labelVectors(loaded, sentences))
    try {
      return await seePictures(reader, images, options, {
        run(pixels) {
          const { model, config } = loaded
          const seen = around(() => imageFeatures(model, config, pixels))
          const shares = pairProbabilities(config, pairLogits(model, seen, texts))
          return rowsOf(shares.values(['image', 'text']), labels.length)
        },
        async result(scores, picture): Promise<LabelScore[]> {
          const order = labels.map((__, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b)
          const found = order.map((i) => ({ label: labels[i]!, score: scores[i]! }))
          if (!attention) return found
          const seen = await towersAttention(loaded, reader, picture, sentences[order[0]!]![0])
          return Object.assign(found, { attention: seen })
        },
      })
    } finally {
      dispose(texts)
    }
  }
  return callable<ZeroShotImageClassificationPipeline>(task, opened, call, pictureInWords)
}

/** The vector of each label: the mean of its sentences' vectors, each of length 1. */
function labelVectors(
  loaded: Running<LoadedTowers>,
  sentences: readonly (readonly string[])[],
): Tensor<'batch' | 'width'> {
  return scope(() => {
    const width = loaded.config.features
    const means = new Float32Array(sentences.length * width)
    for (const [label, own] of sentences.entries())
      for (const sentence of own) {
        const made = textFeatures(loaded.model, loaded.config, sentenceIds(loaded, sentence))
        const numbers = unitLength(made, 'width').values(['batch', 'width'])
        for (let i = 0; i < width; i++) means[label * width + i]! += numbers[i]! / own.length
      }
    return tensor(means, { batch: sentences.length, width })
  })
}

/**
 * A sentence as the model's tower of texts takes it: cut to its context, or filled up to it (SigLIP); with
 * the token whose state stands for it, where the tokenizer puts none.
 */
function sentenceIds(
  { tokenizer, config: { text } }: Running<LoadedTowers>,
  sentence: string,
): Tensor<'batch' | 'position'> {
  const { context, pooled } = text
  const { ids } = tokenizer.encode(sentence, {
    truncation: { max_length: context, strategy: 'LongestFirst', direction: 'Right', stride: 0 },
    padding: null,
  })
  const all = [...ids]
  if (pooled.at === 'end' && !ids.includes(pooled.id)) {
    all.splice(context - 1)
    all.push(pooled.id)
  }
  if (pooled.at === 'last') while (all.length < context) all.push(pooled.padding)
  return tensor(Int32Array.from(all), { batch: 1, position: all.length }, { dtype: 'i32' })
}

/** What the patches of a picture attended to, and the tokens of a sentence where there is one. */
export async function towersAttention(
  loaded: Running<LoadedTowers>,
  reader: PictureReader,
  picture: FittedPicture,
  sentence?: string,
): Promise<Attention> {
  const { model, config, attentions, tokenizer } = loaded
  const names = (queries: 'patch' | 'source'): string[] =>
    attentions.filter((place) => place.queries === queries).map(({ name }) => name)
  const { labels, patches } = reader.patchesOf(picture, attentions)
  const seen = await reader.withPixels([picture], (pixels) =>
    collectedFilters(names('patch'), () => imageFeatures(model, config, pixels)),
  )
  if (sentence === undefined)
    return {
      filters: seen,
      labels: labelsByPlace(
        attentions.filter(({ queries }) => queries === 'patch'),
        { patch: labels },
      ),
      patches,
    }
  const tokens = scope(() => [...sentenceIds(loaded, sentence).values(['batch', 'position'])])
  const read = collectedFilters(names('source'), () =>
    textTowerStates(model, config, sentenceIds(loaded, sentence)),
  )
  const places = attentions.filter(({ queries }) => queries !== 'probe')
  return {
    filters: { ...seen, ...read },
    labels: labelsByPlace(places, { patch: labels, source: labelsOf(tokenizer, tokens) }),
    patches,
  }
}

function listOf(name: string, given: string | readonly string[], hint: string): readonly string[] {
  const list = typeof given === 'string' ? [given] : given
  if (!Array.isArray(list) || list.length === 0)
    throw refused(`${name}, a text or several`, inWords(given), hint)
  for (const one of list as readonly unknown[]) checkText('zero-shot-image-classification', name, one)
  return list as readonly string[]
}

function refused(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: 'zero-shot-image-classification', expected, found, hint })
}
