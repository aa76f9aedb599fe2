/** From a folder and the name of a task to what measures it. */
import { nearest, UsageError } from '../../base/index.js'
import {
  loadModel,
  isLateInteraction,
  LateInteraction,
  loadLateInteraction,
  type LoadOptions,
  loadCrossEncoder,
  loadSentenceEncoder,
  loadSparseEncoder,
  type CrossEncoder,
  type Running,
  type SentenceEncoder,
  type SparseEncoder,
} from '../../models/index.js'
import { dispose } from '../../tensor/index.js'
import { type DataRecord, isFewShot, loadFewShot } from '../../train/index.js'
import { measureClassification } from './classification.js'
import { type EvaluateOptions, type Evaluation, evaluationOf, type Measured } from './evaluation.js'
import { measureChoice, measurePerplexity } from './likelihood.js'
import { measureReading } from './reading.js'
import { measureCaptions, measureZeroShotPictures } from './pictures.js'
import { type KeptRankings, measureSearch } from './search.js'
import { measureSimilarity } from './similarity.js'
import { measureTokens } from './token-classification.js'
import { measureSummaries, measureTranslations } from './writing.js'

/** What is measured, by its name. */
export const evaluationTasks = [
  'perplexity',
  'choice',
  'sentence-similarity',
  'search',
  'text-classification',
  'token-classification',
  'question-answering',
  'summarization',
  'translation',
  'image-to-text',
  'zero-shot-image-classification',
] as const
/** What can be measured. */
export type EvaluationTask = (typeof evaluationTasks)[number]

/** Options of one task alone, as the command has them. */
export interface TaskSettings {
  /** Of perplexity. */
  readonly window?: number | undefined
  readonly stride?: number | undefined
  /** Of reading: see `EvaluateReadingOptions`. */
  readonly threshold?: number | undefined
  /** Of summaries, translations and captions: see `EvaluateWritingOptions`. */
  readonly beams?: number | undefined
  readonly lengthPenalty?: number | undefined
  readonly tokens?: number | undefined
  /** Of captions: the folder of a model of texts and pictures, in whose space the nearest is looked for. */
  readonly towers?: string | undefined
  /** Of labels of pictures: see `EvaluateZeroShotOptions`. */
  readonly templates?: readonly string[] | undefined
  /** Of similarity. */
  readonly dimensions?: number | undefined
  readonly vectors?: 'int8' | 'binary' | undefined
  /** Of search. */
  readonly questions?: 'first' | 'all' | undefined
  readonly queries?: number | undefined
  readonly depth?: number | undefined
  /** The folder of a cross-encoder that puts what was found in order anew. */
  readonly rerank?: string | undefined
  /** The folder of an encoder whose ranking, fused with BM25's, a cross-encoder puts in order anew. */
  readonly first?: string | undefined
  /**
   * What a model of texts is taken for: vectors that are dense or sparse, of texts or of their tokens
   * (`late`), or scores of pairs. Default: by its
   * head.
   */
  readonly as?: 'dense' | 'sparse' | 'cross' | 'late' | undefined
}

/** A model that is open for a task. */
export interface OpenedTask {
  readonly task: EvaluationTask
  readonly loaded: Running
  /** Runs the task on these records. */
  measure(records: readonly DataRecord[], options?: EvaluateOptions): Promise<Measured>
  /** Frees the model, and those that the task needs beside it. */
  dispose(): void
}

/**
 * Opens a model for a task.
 *
 * @param path the model's folder or file
 * @throws UsageError for a task that isn't known, or where the model has not what it needs; FormatError where
 * what stands at the path is no model
 */
export async function openTask(
  path: string,
  task: string,
  settings: TaskSettings = {},
  load: LoadOptions = {},
): Promise<OpenedTask> {
  if (!isTask(task)) throw unknownTask(task)
  if (task === 'sentence-similarity' || task === 'search') {
    const encoder = await encoderOf(path, settings.as, load)
    const loaded = encoder.loaded as Running
    if (task === 'sentence-similarity') {
      if (encoder instanceof LateInteraction) throw notCompared(path)
      const { dimensions, vectors } = settings
      return {
        task,
        loaded,
        measure: (records, options) =>
          measureSimilarity(encoder, records, { ...options, dimensions, vectors }),
        dispose: freeing(loaded),
      }
    }
    const { questions, queries, depth, rerank } = settings
    const first = settings.first === undefined ? undefined : await searcherOf(settings.first, load)
    const reranker = rerank === undefined ? undefined : await loadCrossEncoder(rerank)
    const kept: KeptRankings = new WeakMap()
    return {
      task,
      loaded,
      measure: (records, options) =>
        measureSearch(encoder, records, { ...options, questions, queries, depth, reranker, first, kept }),
      dispose: freeing(loaded, first?.loaded, reranker?.loaded),
    }
  }
  if (task === 'text-classification' && isFewShot(path)) {
    const classifier = await loadFewShot(path, load)
    const { loaded } = classifier.encoder
    return {
      task,
      loaded,
      measure: (records, options) => measureClassification(classifier, records, options),
      dispose: freeing(loaded),
    }
  }
  const loaded = await loadModel(path, load)
  const { window, stride, threshold, beams, lengthPenalty, tokens, templates } = settings
  const towers =
    task === 'image-to-text' && settings.towers !== undefined
      ? await loadModel(settings.towers, load)
      : undefined
  const writing = { beams, lengthPenalty, tokens }
  const measures: Readonly<Record<typeof task, OpenedTask['measure']>> = {
    perplexity: (records, options) => measurePerplexity(loaded, records, { ...options, window, stride }),
    choice: (records, options) => measureChoice(loaded, records, options),
    'text-classification': (records, options) => measureClassification(loaded, records, options),
    'token-classification': (records, options) => measureTokens(loaded, records, options),
    'question-answering': (records, options) => measureReading(loaded, records, { ...options, threshold }),
    summarization: (records, options) => measureSummaries(loaded, records, { ...options, ...writing }),
    translation: (records, options) => measureTranslations(loaded, records, { ...options, ...writing }),
    'image-to-text': (records, options) =>
      measureCaptions(loaded, records, { ...options, ...writing, towers }),
    'zero-shot-image-classification': (records, options) =>
      measureZeroShotPictures(loaded, records, { ...options, templates }),
  }
  return { task, loaded, measure: measures[task], dispose: freeing(loaded, towers) }
}

/** Frees models. */
function freeing(...models: readonly (Pick<Running, 'model'> | undefined)[]): () => void {
  return () => models.forEach((one) => one && dispose(one.model))
}

/** Opens a model, measures it, and gives its scores with their intervals, beside those of baselines. */
export async function evaluate(
  path: string,
  task: string,
  records: readonly DataRecord[],
  options: EvaluateOptions & { readonly settings?: TaskSettings; readonly load?: LoadOptions } = {},
): Promise<Evaluation> {
  const { settings, load, ...rest } = options
  const opened = await openTask(path, task, settings, load)
  try {
    return await evaluationOf(await opened.measure(records, rest), rest)
  } finally {
    opened.dispose()
  }
}

/** A model of texts, as its head says. */
async function encoderOf(
  path: string,
  as: TaskSettings['as'],
  load: LoadOptions,
): Promise<SentenceEncoder | SparseEncoder | CrossEncoder | LateInteraction> {
  if (as === 'cross') return loadCrossEncoder(path)
  if (as === 'sparse') return loadSparseEncoder(path)
  if (as === 'late' || (as === undefined && isLateInteraction(path))) return loadLateInteraction(path, load)
  const encoder = await loadSentenceEncoder(path, load)
  if (as === 'dense' || encoder.modules.length > 0) return encoder
  const { head } = encoder.loaded.config
  if (head?.kind === 'masked-language') return loadSparseEncoder(path)
  return head?.kind === 'classification' && head.labels === 1 ? loadCrossEncoder(path) : encoder
}

/** A model that ranks by itself. */
async function searcherOf(path: string, load: LoadOptions): Promise<SentenceEncoder | SparseEncoder> {
  const encoder = await encoderOf(path, undefined, load)
  if (!(encoder instanceof LateInteraction) && !('scores' in encoder)) return encoder
  throw new UsageError({
    operation: 'search',
    expected: 'an encoder of vectors that finds documents first',
    found: `'${path}', which ranks what was found`,
    hint: 'name a sentence encoder or a sparse encoder',
  })
}

function notCompared(path: string): UsageError {
  return new UsageError({
    operation: 'evaluate',
    expected: 'a model whose similarity has no sides',
    found: `'${path}', which tells queries from documents`,
    hint: "measure it by the task 'search'",
  })
}

function isTask(task: string): task is EvaluationTask {
  return (evaluationTasks as readonly string[]).includes(task)
}

function unknownTask(task: string): UsageError {
  const meant = nearest(task, evaluationTasks)
  return new UsageError({
    operation: 'evaluate',
    expected: `a task, one of ${evaluationTasks.join(', ')}`,
    found: `'${task.slice(0, 40)}'`,
    hint: meant === undefined ? 'choose one of them' : `did you mean '${meant}'?`,
  })
}
