/** Writing on by a plain generator: one text, without waiting for anything. */
import { checkNames, checkWhole } from '../base/index.js'
import { type KeyValueCache, type Quantized } from '../nn/index.js'
import { scope, tensor } from '../tensor/index.js'
import {
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  decoderStates,
  logitsOf,
} from '../models/index.js'
import { writable } from './writable.js'
import { checkIds } from './check-ids.js'
import type { Writable } from './decoding.js'
import { type Plan, planOf } from './plan.js'
import { writtenPieces } from './rows.js'
import { samplingNames, type SamplingOptions } from './sampling.js'

/**
 * How many tokens `generate` gives at most, where it ends, and how each is chosen. Without options for
 * choosing it draws from the model's own probabilities; `temperature: 0` takes the likeliest token each time.
 */
export interface GenerateOptions extends SamplingOptions {
  /** How many tokens at most. */
  readonly tokens: number
  /** The same seed gives the same tokens. Default 0. */
  readonly seed?: number
  /** Ids that end the text; they are not given out. */
  readonly stop?: readonly number[]
}

/**
 * The ids that follow `prompt`, one by one: `streamPieces` for a single text of a decoder, without awaiting
 * anything. Keys and values of what came before are kept; once the model's
 * context is full, its older half is forgotten and the rest computed anew.
 *
 * @param prompt at least one id: start a text with the tokenizer's end-of-text token, as training did
 * @throws UsageError, at the call, for an empty prompt, ids that are no whole numbers, or options that make
 * no sense; while it writes, where the model's logits are NaN
 * @throws ShapeError, at the call, for ids outside the vocabulary
 */
export function generate(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): Generator<number, void, void> {
  checkNames('generate', options, ['tokens', 'seed', 'stop', ...samplingNames])
  checkWhole('generate', 'tokens', options.tokens)
  const decoder = writable(model, config)
  return idsOf(decoder, planOf('generate', decoder, [prompt], { ...options, contextEnd: 'slide' }))
}

function* idsOf(decoder: Writable, plan: Plan): Generator<number, void, void> {
  for (const pieces of writtenPieces(decoder, plan))
    for (const { ids } of pieces) for (const id of ids) if (!plan.stop.has(id)) yield id
}

/**
 * The logits of the token that follows `ids`, which follow what is in the cache and are added to it.
 *
 * @throws UsageError where there is no id, or one is no whole number
 * @throws ShapeError for ids outside the vocabulary
 */
export function lastLogits(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  ids: ArrayLike<number>,
  cache?: KeyValueCache,
): Float32Array | Float64Array {
  checkIds('lastLogits', ids, config.vocabulary)
  return scope(() => {
    const input = tensor(Int32Array.from(ids), { batch: 1, position: ids.length }, { dtype: 'i32' })
    const states = decoderStates(model, config, input, { cache })
    return logitsOf(
      model,
      config,
      states.slice('position', ids.length - 1, ids.length),
    ).values() as Float32Array
  })
}
