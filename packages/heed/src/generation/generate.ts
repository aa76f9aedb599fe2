/** Writing on: token by token, each chosen from the model's logits and given back to it. */
import { checkNames, checkWhole, randomKey, type RandomKey, uniformAt, UsageError } from '../base/index.js'
import { KeyValueCache, type Quantized } from '../nn/index.js'
import { scope, tensor } from '../tensor/index.js'
import {
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  decoderStates,
  logitsOf,
} from '../models/index.js'
import { checkIds } from './check-ids.js'
import { checkSampling, sample, type SamplingOptions } from './sampling.js'

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
 * The ids that follow `prompt`, one by one. Keys and values of what came before are kept; once the model's
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
  const known: Record<keyof GenerateOptions, true> = {
    tokens: true,
    seed: true,
    stop: true,
    temperature: true,
    topK: true,
    topP: true,
    minP: true,
    typicalP: true,
  }
  checkNames('generate', options, Object.keys(known))
  const { tokens, seed = 0, stop = [], ...sampling } = options
  checkSampling(sampling)
  checkIds('generate', prompt, config.vocabulary)
  if (!Number.isSafeInteger(tokens) || tokens < 0)
    throw new UsageError({
      operation: 'generate',
      expected: 'tokens, a whole number from 0 on',
      found: String(tokens),
      hint: 'say how many are wanted',
    })
  for (const id of stop) checkWhole('generate', 'each id of stop', id)
  const key = randomKey(seed, 'generate')
  return writeOn(model, config, Array.from(prompt), { tokens, key, stop, sampling })
}

function* writeOn(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  ids: number[],
  options: {
    readonly tokens: number
    readonly key: RandomKey
    readonly stop: readonly number[]
    readonly sampling: SamplingOptions
  },
): Generator<number, void, void> {
  const { tokens, key, stop, sampling } = options
  const half = Math.max(1, config.context >> 1)
  let cache = new KeyValueCache()
  try {
    let fresh = ids.slice(-config.context)
    for (let step = 0; step < tokens; step++) {
      if (cache.length + fresh.length > config.context) {
        cache.dispose()
        cache = new KeyValueCache()
        fresh = ids.slice(-half)
      }
      const id = sample(lastLogits(model, config, fresh, cache), uniformAt(key, step), sampling)
      if (stop.includes(id)) return
      yield id
      ids.push(id)
      fresh = [id]
    }
  } finally {
    cache.dispose()
  }
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
