/** Writing on: token by token, each chosen from the model's logits and given back to it. */
import { randomKey, uniformAt, UsageError } from '../base/index.js'
import { KeyValueCache, type Quantized } from '../nn/index.js'
import { scope, tensor } from '../tensor/index.js'
import { type Decoder, decoderStates, logitsOf } from './decoder.js'
import type { DecoderConfig } from './decoder-config.js'
import { checkSampling, sample, type SamplingOptions } from './sampling.js'

export interface GenerateOptions extends SamplingOptions {
  /** How many tokens at most. */
  readonly tokens: number
  /** The same seed gives the same tokens. Default 0. */
  readonly seed?: number
  /** Ids that end the text; they are not given out. */
  readonly stop?: readonly number[]
}

/**
 * The ids that follow `prompt`, one by one. Keys and values of what came before are kept; once the model's context is full, its older half is
 * forgotten and the rest computed anew.
 *
 * @param prompt at least one id: start a text with the tokenizer's end-of-text token, as training did
 * @throws UsageError for an empty prompt or options that make no sense
 * @throws ShapeError for ids outside the vocabulary
 */
export function* generate(
  model: Quantized<Decoder>,
  config: DecoderConfig,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): Generator<number, void, void> {
  const { tokens, seed = 0, stop = [], ...sampling } = options
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation: 'generate', expected, found, hint })
  }
  checkSampling(sampling)
  if (prompt.length === 0) refuse('at least one id', 'an empty prompt', 'start with the end-of-text token')
  if (!Number.isInteger(tokens) || tokens < 0)
    refuse('tokens, a whole number from 0 on', String(tokens), 'say how many are wanted')
  const key = randomKey(seed, 'generate')
  const half = Math.max(1, config.context >> 1)
  let cache = new KeyValueCache()
  try {
    const ids = Array.from(prompt)
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
 * @throws ShapeError for ids outside the vocabulary
 */
export function lastLogits(
  model: Quantized<Decoder>,
  config: DecoderConfig,
  ids: ArrayLike<number>,
  cache?: KeyValueCache,
): Float32Array | Float64Array {
  return scope(() => {
    const input = tensor(Int32Array.from(ids), { batch: 1, position: ids.length }, { dtype: 'i32' })
    const states = decoderStates(model, config, input, { cache })
    return logitsOf(model, states.slice('position', ids.length - 1, ids.length)).values() as Float32Array
  })
}
