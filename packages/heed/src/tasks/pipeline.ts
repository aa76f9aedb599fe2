/** One call for each task: `pipeline(task)`. */
import { inWords, nearest, UsageError } from '../base/index.js'
import { checkLoadOptions, loadModel, type LoadOptions, type Running } from '../models/index.js'
import { dispose } from '../tensor/index.js'
import { isFewShot, loadFewShot } from '../train/index.js'
import type { Opened } from './callable.js'
import { shippedPath } from './shipped.js'
import { createFillMask, type FillMaskPipeline } from './fill-mask.js'
import { createQuestionAnswering, type QuestionAnsweringPipeline } from './question-answering.js'
import { createTextClassification, type TextClassificationPipeline } from './text-classification.js'
import { createTokenClassification, type TokenClassificationPipeline } from './token-classification.js'
import {
  createZeroShotClassification,
  type ZeroShotClassificationPipeline,
} from './zero-shot-classification.js'
import { createFeatureExtraction, type FeatureExtractionPipeline } from './feature-extraction.js'
import { createRerank, type RerankPipeline } from './rerank.js'
import { createSentenceSimilarity, type SentenceSimilarityPipeline } from './sentence-similarity.js'
import { createTextGeneration, type TextGenerationPipeline } from './text-generation.js'
import { createImageClassification, type ImageClassificationPipeline } from './image-classification.js'
import {
  createImageFeatureExtraction,
  type ImageFeatureExtractionPipeline,
} from './image-feature-extraction.js'
import { createImageToText, type ImageToTextPipeline } from './image-to-text.js'
import {
  createZeroShotImageClassification,
  type ZeroShotImageClassificationPipeline,
} from './zero-shot-image-classification.js'
import {
  createSummarization,
  createText2TextGeneration,
  createTranslation,
  type SummarizationPipeline,
  type Text2TextGenerationPipeline,
  type TranslationPipeline,
} from './text-to-text.js'

/** The pipeline of each task. */
export interface Pipelines {
  'feature-extraction': FeatureExtractionPipeline
  rerank: RerankPipeline
  'sentence-similarity': SentenceSimilarityPipeline
  summarization: SummarizationPipeline
  'text-classification': TextClassificationPipeline
  'zero-shot-classification': ZeroShotClassificationPipeline
  'question-answering': QuestionAnsweringPipeline
  'token-classification': TokenClassificationPipeline
  'fill-mask': FillMaskPipeline
  'text-generation': TextGenerationPipeline
  'text2text-generation': Text2TextGenerationPipeline
  translation: TranslationPipeline
  'image-classification': ImageClassificationPipeline
  'zero-shot-image-classification': ZeroShotImageClassificationPipeline
  'image-feature-extraction': ImageFeatureExtractionPipeline
  'image-to-text': ImageToTextPipeline
}

/** A task by its name. */
export type Task = keyof Pipelines

/** Other names of tasks. */
export interface TaskAliases {
  'sentiment-analysis': 'text-classification'
  ner: 'token-classification'
}

/** How the model of a pipeline is read. */
export interface PipelineOptions extends LoadOptions {}

const makers: { readonly [T in Task]: (opened: Opened) => Pipelines[T] } = {
  'feature-extraction': createFeatureExtraction,
  rerank: createRerank,
  'sentence-similarity': createSentenceSimilarity,
  summarization: createSummarization,
  'text-classification': createTextClassification,
  'zero-shot-classification': createZeroShotClassification,
  'question-answering': createQuestionAnswering,
  'token-classification': createTokenClassification,
  'fill-mask': createFillMask,
  'text-generation': createTextGeneration,
  'text2text-generation': createText2TextGeneration,
  translation: createTranslation,
  'image-classification': createImageClassification,
  'zero-shot-image-classification': createZeroShotImageClassification,
  'image-feature-extraction': createImageFeatureExtraction,
  'image-to-text': createImageToText,
}

const aliases: { readonly [A in keyof TaskAliases]: TaskAliases[A] } = {
  'sentiment-analysis': 'text-classification',
  ner: 'token-classification',
}

/** The names of all tasks. */
export const tasks: readonly Task[] = Object.keys(makers) as Task[]

/**
 * A task as a function, as transformers.js has it:
 *
 *     const classify = await pipeline('text-classification', 'models/sentiment')
 *     await classify('What a day!') // [{ label: 'positive', score: 0.98 }]
 *
 * @param model a folder or file, a model that is loaded, or none: the one that heed ships for the task
 * @param options how the model is read
 * @throws UsageError for a task that isn't known, a model of another kind, or options that make no sense;
 * FormatError where what stands
 * at the path is no model; StateError where the shipped model isn't installed
 */
export async function pipeline<const T extends Task | keyof TaskAliases>(
  task: T,
  model?: string | Running,
  options: PipelineOptions = {},
): Promise<Pipelines[T extends keyof TaskAliases ? TaskAliases[T] : T & Task]> {
  const name = (Object.hasOwn(aliases, task) ? aliases[task as keyof TaskAliases] : task) as Task
  if (!Object.hasOwn(makers, name)) throw unknownTask(task)
  const make: (opened: Opened) => unknown = makers[name]
  checkLoadOptions('pipeline', options)
  const opened = await openedOf(name, model, options)
  try {
    return make(opened) as Pipelines[T extends keyof TaskAliases ? TaskAliases[T] : T & Task]
  } catch (error) {
    if (opened.owned) dispose(opened.model.model)
    throw error
  }
}

async function openedOf(
  task: string,
  model: string | Running | undefined,
  options: PipelineOptions,
): Promise<Opened> {
  if (task === 'text-classification' && typeof model === 'string' && isFewShot(model)) {
    const fewShot = await loadFewShot(model, options)
    return { model: fewShot.encoder.loaded, owned: true, fewShot }
  }
  if (typeof model === 'string') return { model: await loadModel(model, options), owned: true }
  if (model === undefined) {
    // A shipped model runs in the numbers that it is stored as.
    return { model: await loadModel(shippedPath(task), { weights: 'stored', ...options }), owned: true }
  }
  if (typeof model?.family === 'string' && typeof model.stored === 'object') return { model, owned: false }
  throw new UsageError({
    operation: 'pipeline',
    expected: 'a path or a model that loadModel gave',
    found: inWords(model),
    hint: 'give the folder or file as a text, or leave it out for the model that heed ships',
  })
}

function unknownTask(task: string): UsageError {
  const known = [...tasks, ...Object.keys(aliases)]
  const meant = nearest(String(task), known)
  return new UsageError({
    operation: 'pipeline',
    expected: `a task, one of ${known.join(', ')}`,
    found: `'${String(task).slice(0, 40)}'`,
    hint: meant === undefined ? 'choose one of them' : `did you mean '${meant}'?`,
  })
}
