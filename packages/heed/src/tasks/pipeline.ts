/** One call for each task: `pipeline(task)`. */
import { nearest, UsageError } from '../base/index.js'
import { loadModel, type LoadOptions, type Running } from '../models/index.js'
import { dispose } from '../tensor/index.js'
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
 * @throws UsageError for a task that isn't known, or a model of another kind; FormatError where what stands
 * at the path is no model; StateError where the shipped model isn't installed
 */
export async function pipeline<const T extends Task | keyof TaskAliases>(
  task: T,
  model?: string | Running | null,
  options: PipelineOptions = {},
): Promise<Pipelines[T extends keyof TaskAliases ? TaskAliases[T] : T & Task]> {
  const name = (Object.hasOwn(aliases, task) ? aliases[task as keyof TaskAliases] : task) as Task
  if (!Object.hasOwn(makers, name)) throw unknownTask(task)
  const make: (opened: Opened) => unknown = makers[name]
  const opened: Opened =
    typeof model === 'object' && model !== null
      ? { model, owned: false }
      : { model: await opening(task, model, options), owned: true }
  try {
    return make(opened) as Pipelines[T extends keyof TaskAliases ? TaskAliases[T] : T & Task]
  } catch (error) {
    if (opened.owned) dispose(opened.model.model)
    throw error
  }
}

/** A shipped model runs in the numbers that it is stored as. */
function opening(task: string, model: string | null | undefined, options: PipelineOptions): Promise<Running> {
  return typeof model === 'string'
    ? loadModel(model, options)
    : loadModel(shippedPath(task), { weights: 'stored', ...options })
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
