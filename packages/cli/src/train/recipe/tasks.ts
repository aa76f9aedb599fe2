import {
  beginWithAdapter,
  causalLanguage,
  imageTextContrast,
  imageToText,
  loadDecoder,
  loadEncoder,
  loadEncoderDecoder,
  loadModel,
  logitDistillation,
  maskedLanguage,
  ofFamily,
  questionAnswering,
  rerank,
  saveAdapter,
  saveModel,
  sequenceToSequence,
  textClassification,
  tokenClassification,
  withLowRank,
  type CausalLanguageTraining,
  type LoadedDecoder,
  type LoadedEncoder,
  type ImageToTextTraining,
  type LoadedCaptioner,
  type LoadedEncoderDecoder,
  type LoadedModel,
  type LoadedTowers,
  type LowRankOptions,
  type SequenceToSequenceTraining,
  type TextOptions,
} from 'heed'
import { ConfigError } from '../section.js'
import type { RecipeConfig } from './config.js'
import { configured } from './configured.js'
import { pathOf } from './data.js'
import type { OpenedRecipe, OpenRecipe } from './opened.js'
import { sentenceDistillationTask, sentenceSimilarityTask } from './sentence-tasks.js'

/** The tasks that a recipe may have, by their names. */
export const recipeTasks: Readonly<Record<string, OpenRecipe>> = {
  'text-classification': headed('SequenceClassification', textClassification),
  'token-classification': headed('TokenClassification', tokenClassification),
  rerank: headed('SequenceClassification', rerank, { labels: ['relevance'] }),
  'question-answering': headed('QuestionAnswering', questionAnswering),
  'fill-mask': headed('MaskedLM', maskedLanguage),
  'sentence-similarity': sentenceSimilarityTask,
  'sentence-distillation': sentenceDistillationTask,
  'text-generation': plain<LoadedDecoder, CausalLanguageTraining>(
    (path) => loadDecoder(path),
    causalLanguage,
  ),
  'text-to-text': plain<LoadedEncoderDecoder, SequenceToSequenceTraining>(
    (path) => loadEncoderDecoder(path),
    sequenceToSequence,
  ),
  'image-to-text': plain<LoadedCaptioner, ImageToTextTraining>(
    async (path) => ofFamily(await loadModel(path), 'captioner', 'image-to-text'),
    imageToText,
  ),
  'image-text-contrast': plain<LoadedTowers, TextOptions>(
    async (path) => ofFamily(await loadModel(path), 'dual-encoder', 'image-text-contrast'),
    imageTextContrast,
  ),
}

/** Makes an objective, of records that it checks itself. */
type ObjectiveOf<L extends LoadedModel, O> = (loaded: L, options: O) => object

/**
 * An encoder with a head, and what that learns: from labels, and from a teacher's logits where there is one.
 */
function headed<O>(
  name: string,
  objectiveOf: ObjectiveOf<LoadedEncoder, O>,
  defaults: object = {},
): OpenRecipe {
  return async ({ config, path }) => {
    const model = await configured(config, 'head', () =>
      loadEncoder(path, { head: { name, ...defaults, ...config.head } as { name: string } }),
    )
    const { distill, ...options } = config.objective
    const taught =
      distill === undefined
        ? undefined
        : await teacherOf(distill as Readonly<Record<string, unknown>>, config)
    const own: ObjectiveOf<LoadedEncoder, O> = (student) => {
      const objective = objectiveOf(student, options as O)
      return taught === undefined ? objective : taught(objective, student)
    }
    return {
      ...(await learning(config, model, own)),
      encoder: model,
    }
  }
}

type Distilled = (objective: object, student: LoadedEncoder) => object

/** What `objective.distill` says: whose logits are learned beside the labels, and how much. */
async function teacherOf(
  { teacher, ...options }: Readonly<Record<string, unknown>>,
  { file }: RecipeConfig,
): Promise<Distilled> {
  const field = 'objective.distill.teacher'
  if (typeof teacher !== 'string')
    throw new ConfigError({
      expected: `${field} to be the path of a model with the same head`,
      found: teacher === undefined ? 'nothing' : typeof teacher,
      hint: 'name whose logits are learned',
      file,
      field,
    })
  const loaded = await loadEncoder(pathOf(field, teacher, file))
  type Given = Parameters<typeof logitDistillation<unknown, unknown, never>>[0]
  return (objective, student) => logitDistillation(objective as Given, student, loaded, options)
}

/** A model as it is. */
function plain<L extends LoadedModel, O>(
  load: (path: string) => Promise<L>,
  objectiveOf: ObjectiveOf<L, O>,
): OpenRecipe {
  return async ({ config, path }) => learning(config, await load(path), objectiveOf)
}

/**
 * What an adapter trains whole beside its changes, where nothing is said: a head that was made for the task.
 */
function headOf({ task }: RecipeConfig, { model }: LoadedModel): readonly string[] {
  const heads = ['text-classification', 'token-classification', 'question-answering', 'rerank']
  return heads.includes(task) ? ['head', 'pooler'].filter((name) => name in model) : []
}

async function learning<L extends LoadedModel, O>(
  config: RecipeConfig,
  loaded: L,
  objectiveOf: ObjectiveOf<L, O>,
): Promise<OpenedRecipe> {
  const { adapter } = config.training
  const objective = await configured(config, 'objective', async () =>
    objectiveOf(loaded, config.objective as O),
  )
  const model =
    adapter === undefined
      ? loaded
      : await configured(config, 'training.adapter', async () => {
          const { from, ...given } = adapter
          const options = { trained: headOf(config, loaded), ...given }
          const fresh = withLowRank(loaded, options as unknown as LowRankOptions)
          if (from === undefined) return fresh
          const field = 'training.adapter.from'
          if (typeof from === 'string')
            return beginWithAdapter(loaded, fresh, pathOf(field, from, config.file))
          throw new ConfigError({
            expected: `${field} to be the folder of an adapter`,
            found: typeof from,
            hint: 'leave it out to begin with no change',
            file: config.file,
            field,
          })
        })
  return {
    model: model as LoadedModel,
    objective: objective as unknown as OpenedRecipe['objective'],
    ...(adapter !== undefined && {
      saveChanges: (trained, folder, dtype) =>
        saveAdapter(folder, trained, { dtype, ...(config.publish?.base && { base: config.publish.base }) }),
    }),
    save: (trained, folder, dtype) => saveModel(folder, trained, dtype),
  }
}
