import { createRequire } from 'node:module'
import { basename, dirname, resolve } from 'node:path'
import {
  isTensor,
  leavesOf,
  loadDecoder,
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  type LanguageModel,
  type Quantized,
  quantizeDecoder,
  QuantizedWeights,
  StateError,
  type Tensor,
  type WeightFormat,
} from 'heed'
import type { ModelSummary } from '@heed/studio'

/** The package of the model that heed ships. */
export const shippedModel = '@heed/first-light'

/** A model to run: its matrices may be quantized. */
export interface RunnableModel extends Omit<LanguageModel<DecoderConfig | DecoderDesign>, 'model'> {
  readonly model: Quantized<Decoder>
}

/** A model with where it comes from. */
export interface NamedModel extends RunnableModel {
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
 * @param weights what its matrices are rounded to; default f32, as they are
 * @throws {StateError} where none is named and none is installed
 * @throws {FormatError} where the folder's files are no model
 */
export async function openModel(
  folder: string | undefined,
  weights: WeightFormat | 'f32' = 'f32',
): Promise<NamedModel> {
  const path = folder === undefined ? shippedModelFolder() : resolve(folder)
  const { model, ...rest } = await loadDecoder(path)
  const running = weights === 'f32' ? model : quantizeDecoder(model, weights, { freeing: true })
  return { ...rest, model: running, name: basename(path), folder: path }
}

const isWeights = (value: unknown): value is Tensor | QuantizedWeights =>
  isTensor(value) || value instanceof QuantizedWeights

/** The numbers in a model's tensors, each counted once. */
export function parametersOf(model: unknown): number {
  const weights = new Set(leavesOf(model, isWeights).values())
  return [...weights].reduce(
    (sum, { shape }) => sum + Object.values<number>(shape).reduce((count, size) => count * size, 1),
    0,
  )
}

/** The model's size, for the heading of a page. */
export function summaryOf(name: string, { model, config }: RunnableModel): ModelSummary {
  const { layers, heads, width } = config
  return { name, parameters: parametersOf(model), layers, heads, width }
}
