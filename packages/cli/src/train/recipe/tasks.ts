import {
  loadEncoder,
  saveModel,
  textClassification,
  type DataRecord,
  type LoadedEncoder,
  type LoadedModel,
  type Objective,
} from 'heed'
import { ConfigError } from '../section.js'
import type { RecipeConfig } from './config.js'

/** What a task is opened with. */
export interface RecipeStart {
  readonly config: RecipeConfig
  /** Where the model stands that the training begins with. */
  readonly path: string
  /** All records of the data, to look at before. */
  readonly records: readonly DataRecord[]
  /** Told what is being done. */
  readonly stage: (text: string) => void
  readonly signal: AbortSignal
}

/** A model and what it learns, ready to be trained. */
export interface OpenedRecipe {
  readonly model: LoadedModel
  readonly objective: Objective<DataRecord, unknown, unknown, LoadedModel['model']>
  /** The encoder whose filters can be watched, with its weights among those that are trained. */
  readonly encoder?: LoadedEncoder
  readonly weightsOf?: (trained: LoadedModel['model']) => LoadedEncoder['model']
  /** Writes what was trained. */
  readonly save: (trained: LoadedModel, folder: string, dtype: RecipeConfig['weights']) => Promise<void>
}

type OpenRecipe = (start: RecipeStart) => Promise<OpenedRecipe>

/** The tasks that a recipe may have, by their names. */
export const recipeTasks: Readonly<Record<string, OpenRecipe>> = {
  'text-classification': headed('SequenceClassification', textClassification),
}

/** An encoder with a head, and what that learns. */
function headed<O, R, E, B>(
  name: string,
  objectiveOf: (loaded: LoadedEncoder, options: O) => Objective<R, E, B, LoadedEncoder['model']>,
): OpenRecipe {
  return async ({ config, path }) => {
    const model = await configured(config, 'head', () =>
      loadEncoder(path, { head: { name, ...config.head } as { name: string } }),
    )
    const objective = await configured(config, 'objective', async () =>
      objectiveOf(model, config.objective as O),
    )
    return {
      model,
      objective: objective as unknown as OpenedRecipe['objective'],
      encoder: model,
      weightsOf: (trained) => trained as LoadedEncoder['model'],
      save: (trained, folder, dtype) => saveModel(folder, trained, dtype),
    }
  }
}

/** What a field of the configuration says. @throws {ConfigError} where it makes no sense */
async function configured<T>({ file }: RecipeConfig, field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { name, expected, found, hint } = error as Partial<ConfigError>
    if (name !== 'UsageError') throw error
    throw new ConfigError({
      expected: `${field} with ${expected!}`,
      found: found!,
      hint: hint!,
      file,
      field,
      cause: error,
    })
  }
}
