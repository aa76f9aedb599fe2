/** How the next token is chosen from a model's logits. */
import { checkWhole, inWords, UsageError } from '../base/index.js'

/**
 * Applied in this order, which is that of Hugging Face's `generate`: temperature, topK, topP among what topK
 * leaves.
 */
export interface SamplingOptions {
  /**
   * Logits are divided by it: below 1 likelier tokens gain, above 1 they lose. 0, the limit, takes the
   * likeliest, of equals the lowest id. Default 1.
   */
  readonly temperature?: number
  /**
   * Only the so many likeliest tokens stay, of equals those of the lower ids; a whole number from 1 on.
   * Default: all.
   */
  readonly topK?: number
  /**
   * Only the least number of likeliest tokens whose probabilities sum to this stay (nucleus sampling,
   * Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"). Above 0, at most 1. Default 1:
   * all.
   */
  readonly topP?: number
}

/** @throws UsageError naming the option that makes no sense */
export function checkSampling({ temperature = 1, topK = 1, topP = 1 }: SamplingOptions): void {
  const refuse = (expected: string, found: unknown): never => {
    throw new UsageError({
      operation: 'sample',
      expected,
      found: String(found),
      hint: 'leave it out for the default',
    })
  }
  if (!(Number.isFinite(temperature) && temperature >= 0)) refuse('a temperature of 0 or more', temperature)
  if (!Number.isInteger(topK) || topK < 1) refuse('topK, a whole number from 1 on', topK)
  if (!(Number.isFinite(topP) && topP > 0 && topP <= 1)) refuse('topP above 0, at most 1', topP)
}

/**
 * Softmax of logits, in f64. Where some are infinite those share all of it equally, which is its limit; rows
 * of −infinity alone give zeros.
 *
 * @throws UsageError for NaN
 */
export function probabilitiesOf(logits: ArrayLike<number>): Float64Array {
  checkLogits('probabilitiesOf', logits)
  const weights = weightsOf(logits, largestOf(logits), 1)
  let sum = 0
  for (let id = 0; id < weights.length; id++) sum += weights[id]!
  if (sum > 0) for (let id = 0; id < weights.length; id++) weights[id]! /= sum
  return weights
}

/** @throws UsageError unless these are numbers in a row: a tensor gives its own by `values()` */
function checkLogits(operation: string, logits: ArrayLike<number> | null): void {
  if (typeof logits !== 'string' && Number.isInteger(logits?.length)) return
  throw new UsageError({
    operation,
    expected: 'logits as a list of numbers, or a typed array',
    found: inWords(logits),
    hint: 'the numbers of a tensor are its values()',
  })
}

/** A token and how likely it is. */
export interface Candidate {
  readonly id: number
  readonly probability: number
}

/**
 * The `count` likeliest tokens, the likeliest first, of equals the lower id.
 *
 * @throws UsageError for a count that is no whole number, or logits that are NaN
 */
export function likeliest(logits: ArrayLike<number>, count: number): Candidate[] {
  checkLogits('likeliest', logits)
  checkWhole('likeliest', 'count', count)
  const probabilities = probabilitiesOf(logits)
  const ids = largestFirst(
    logits,
    Int32Array.from(logits, (_, id) => id),
    count,
  )
  return Array.from(ids, (id) => ({ id, probability: probabilities[id]! }))
}

/**
 * The token that `uniform`, a number from 0 up to but without 1, picks: the candidates that stay stand in a
 * row, the likeliest first, each as wide as it is likely. Infinite logits are equally likely, and nothing
 * else is likely beside them.
 *
 * @throws UsageError for options that make no sense, logits that are NaN, or none above −infinity
 */
export function sample(logits: ArrayLike<number>, uniform: number, options: SamplingOptions = {}): number {
  checkLogits('sample', logits)
  checkSampling(options)
  const { temperature = 1, topK = logits.length, topP = 1 } = options
  if (!(uniform >= 0 && uniform < 1)) refuse('a uniform number from 0 up to but without 1', String(uniform))
  const largest = largestOf(logits)
  if (largest === -Infinity) {
    const found = logits.length === 0 ? 'no logits' : 'none'
    refuse('a logit above −infinity', found, 'leave the mask of logits at least one token')
  }
  if (temperature === 0) return Array.prototype.indexOf.call(logits, largest)
  const weights = weightsOf(logits, largest, temperature)
  let ids = Int32Array.from(weights, (_, id) => id).filter((id) => weights[id]! > 0)
  if (topK < ids.length) ids = largestFirst(logits, ids, topK)
  const total = ids.reduce((sum, id) => sum + weights[id]!, 0)
  if (topP < 1) {
    // Those below it have less than 1 − topP together, so none of them stays: of a large vocabulary few are
    // left to be sorted.
    const least = ((1 - topP) * total) / ids.length
    ids = ids.filter((id) => weights[id]! >= least)
  }
  ids = largestFirst(logits, ids, ids.length)
  let kept = 0
  let mass = 0
  while (kept < ids.length && (kept === 0 || topP === 1 || mass < topP * total))
    mass += weights[ids[kept++]!]!
  let left = uniform * mass
  for (let i = 0; i < kept - 1; i++) {
    left -= weights[ids[i]!]!
    if (left < 0) return ids[i]!
  }
  return ids[kept - 1]!
}

/**
 * exp((logit − largest) / temperature): 1 for the largest, also where it is infinite, and 0 for −infinity.
 */
function weightsOf(logits: ArrayLike<number>, largest: number, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length)
  if (largest === -Infinity) return weights
  for (let id = 0; id < weights.length; id++) {
    const logit = logits[id]!
    weights[id] = logit === largest ? 1 : Math.exp((logit - largest) / temperature)
  }
  return weights
}

/** The `count` of some ids that have the largest logits, the largest first, of equals the lower id. */
function largestFirst(logits: ArrayLike<number>, ids: Int32Array, count: number): Int32Array<ArrayBuffer> {
  if (count === 0) return new Int32Array(0)
  let some = Int32Array.from(ids)
  if (count < some.length) {
    const least = Float64Array.from(some, (id) => logits[id]!).sort()[some.length - count]!
    some = some.filter((id) => logits[id]! >= least)
  }
  // The difference of equal infinities is NaN, which is no order either: the id decides.
  return some.sort((a, b) => logits[b]! - logits[a]! || a - b).subarray(0, count)
}

/**
 * The largest logit; −infinity where there is none.
 *
 * @throws UsageError for NaN
 */
function largestOf(logits: ArrayLike<number>): number {
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    if (logit > largest) largest = logit
    else if (Number.isNaN(logit))
      refuse(
        'logits that are numbers',
        `NaN for token ${id}`,
        'the weights are damaged, or training diverged',
      )
  }
  return largest
}

function refuse(expected: string, found: string, hint = 'draw it with uniformAt'): never {
  throw new UsageError({ operation: 'sample', expected, found, hint })
}
