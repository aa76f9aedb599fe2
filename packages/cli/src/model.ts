import { createRequire } from 'node:module'
import { basename, dirname, resolve } from 'node:path'
import { isTensor, leavesOf, loadModel, StateError, type LanguageModel, type Tensor } from 'heed'
import type { ModelSummary } from '@heed/studio'

/** The package of the model that heed ships. */
export const shippedModel = '@heed/first-light'

/** A model with where it comes from. */
export interface NamedModel extends LanguageModel {
  readonly name: string
  readonly folder: string
}

/**
 * The folder of the model that heed ships, wherever the package manager has put it.
 *
 * @throws {StateError} where it isn't installed
 */
export function shippedModelFolder(packageName: string = shippedModel): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`))
  } catch (cause) {
    throw new StateError({
      operation: 'model',
      expected: `the model that heed ships, the package ${packageName}`,
      found: 'none installed',
      hint: `install it (npm install ${packageName}), or name the folder of a model with --model`,
      cause,
    })
  }
}

/**
 * The model in `folder`, or the one that heed ships.
 *
 * @throws {StateError} where none is named and none is installed
 * @throws {FormatError} where the folder's files are no model
 */
export async function openModel(folder: string | undefined): Promise<NamedModel> {
  const path = folder === undefined ? shippedModelFolder() : resolve(folder)
  return { ...(await loadModel(path)), name: basename(path), folder: path }
}

/** The numbers in a model's tensors, each counted once. */
export function parametersOf(model: unknown): number {
  const tensors = new Set(leavesOf<Tensor>(model, isTensor).values())
  return [...tensors].reduce((sum, { elements }) => sum + elements, 0)
}

/** The model's size, for the heading of a page. */
export function summaryOf(name: string, { model, config }: LanguageModel): ModelSummary {
  const { layers, heads, width } = config
  return { name, parameters: parametersOf(model), layers, heads, width }
}
