import type { DataRecord, LoadedEncoder, LoadedModel, Objective } from 'heed'
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
  readonly weightsOf?: (trained: LoadedModel['model']) => LoadedModel['model']
  /** Writes the changes of low rank alone, where there are some. */
  readonly saveChanges?: (
    trained: LoadedModel,
    folder: string,
    dtype: RecipeConfig['weights'],
  ) => Promise<void>
  /** Writes what was trained. */
  readonly save: (trained: LoadedModel, folder: string, dtype: RecipeConfig['weights']) => Promise<void>
}

export type OpenRecipe = (start: RecipeStart) => Promise<OpenedRecipe>
