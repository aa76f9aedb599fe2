import {
  causalLanguage,
  loadDecoder,
  loadEncoder,
  loadEncoderDecoder,
  maskedLanguage,
  questionAnswering,
  saveModel,
  sequenceToSequence,
  textClassification,
  tokenClassification,
  withLowRank,
  type CausalLanguageTraining,
  type LoadedDecoder,
  type LoadedEncoder,
  type LoadedEncoderDecoder,
  type LoadedModel,
  type SequenceToSequenceTraining,
} from 'heed'
import type { RecipeConfig } from './config.js'
import { configured } from './configured.js'
import type { OpenedRecipe, OpenRecipe } from './opened.js'
import { sentenceDistillationTask, sentenceSimilarityTask } from './sentence-tasks.js'

/** The tasks that a recipe may have, by their names. */
export const recipeTasks: Readonly<Record<string, OpenRecipe>> = {
  'text-classification': headed('SequenceClassification', textClassification),
  'token-classification': headed('TokenClassification', tokenClassification),
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
}

/** Makes an objective, of records that it checks itself. */
type ObjectiveOf<L extends LoadedModel, O> = (loaded: L, options: O) => object

/** An encoder with a head, and what that learns. */
function headed<O>(name: string, objectiveOf: ObjectiveOf<LoadedEncoder, O>): OpenRecipe {
  return async ({ config, path }) => {
    const model = await configured(config, 'head', () =>
      loadEncoder(path, { head: { name, ...config.head } as { name: string } }),
    )
    return {
      ...(await learning(config, model, objectiveOf)),
      encoder: model,
      weightsOf: (trained) => trained as LoadedEncoder['model'],
    }
  }
}

/** A model as it is. */
function plain<L extends LoadedModel, O>(
  load: (path: string) => Promise<L>,
  objectiveOf: ObjectiveOf<L, O>,
): OpenRecipe {
  return async ({ config, path }) => learning(config, await load(path), objectiveOf)
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
      : await configured(config, 'training.adapter', async () =>
          withLowRank(loaded, adapter as unknown as Parameters<typeof withLowRank>[1]),
        )
  return {
    model: model as LoadedModel,
    objective: objective as unknown as OpenedRecipe['objective'],
    save: (trained, folder, dtype) => saveModel(folder, trained, dtype),
  }
}
