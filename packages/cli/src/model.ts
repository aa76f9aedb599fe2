import { createRequire } from 'node:module'
import { basename, dirname, resolve } from 'node:path'
import {
  isTensor,
  leavesOf,
  loadModel,
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  type LoadedModel,
  type Quantized,
  QuantizedWeights,
  type Running,
  StateError,
  type Tensor,
  type Tokenizer,
} from 'heed'
import type { ModelSummary } from '@heed/studio'
import type { WeightChoice } from './options.js'

/** The package of the model that heed ships. */
export const shippedModel = '@heed/first-light'

/** What a decoder is looked at and written with: its matrices may be quantized. */
export interface RunnableModel {
  readonly config: DecoderConfig | DecoderDesign
  readonly model: Quantized<Decoder>
  readonly tokenizer: Tokenizer
}

/** A model of any family, with what it is called. */
export type NamedModel<L extends LoadedModel = LoadedModel> = Running<L> & { readonly name: string }

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
 * The model at `path`, or the one that heed ships.
 *
 * @param weights what its matrices are in memory; default f32
 * @param adapter the folder of an adapter, whose changes of low rank it gets
 * @throws {StateError} where none is named and none is installed
 * @throws {FormatError} where what stands there is no model
 */
export async function openModel(
  path: string | undefined,
  weights: WeightChoice = 'f32',
  adapter?: string,
): Promise<NamedModel> {
  const whole = path === undefined ? shippedModelFolder() : resolve(path)
  const loaded = await loadModel(whole, {
    weights,
    ...(adapter !== undefined && { adapter: resolve(adapter) }),
  })
  return Object.defineProperty(loaded, 'name', { value: basename(whole), enumerable: true }) as NamedModel
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
export function summaryOf(
  name: string,
  { model, config }: Pick<NamedModel, 'model' | 'config'>,
): ModelSummary {
  const { layers, heads, width } = config
  return { name, parameters: parametersOf(model), layers, heads, width }
}
