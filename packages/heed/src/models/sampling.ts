/** How the next token is chosen from a model's logits. */
import { UsageError } from '../base/index.js'

export interface SamplingOptions {
  /** Logits are divided by it: below 1 likelier tokens gain, above 1 they lose; 0 takes the likeliest. Default 1. */
  readonly temperature?: number
  /** Only the so many likeliest tokens stay. Default: all. */
  readonly topK?: number
  /**
   * Only the least number of likeliest tokens whose probabilities sum to this stay (nucleus sampling, Holtzman et al.
   * 2020, "The Curious Case of Neural Text Degeneration"). Default 1: all.
   */
  readonly topP?: number
}

/** @throws UsageError naming the option that makes no sense */
export function checkSampling({ temperature = 1, topK = 1, topP = 1 }: SamplingOptions): void {
  const refuse = (expected: string, found: number): never => {
    throw new UsageError({
      operation: 'sample',
      expected,
      found: String(found),
      hint: 'leave it out for the default',
    })
  }
  if (!(temperature >= 0 && temperature < Infinity)) refuse('a temperature of 0 or more', temperature)
  if (!Number.isInteger(topK) || topK < 1) refuse('topK, a whole number from 1 on', topK)
  if (!(topP > 0 && topP <= 1)) refuse('topP above 0, at most 1', topP)
}

/** Softmax of logits, in f64. Rows of −infinity alone give zeros. */
export function probabilitiesOf(logits: ArrayLike<number>): Float64Array {
  let largest = -Infinity
  for (let i = 0; i < logits.length; i++) if (logits[i]! > largest) largest = logits[i]!
  const probabilities = new Float64Array(logits.length)
  if (largest === -Infinity) return probabilities
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += probabilities[i] = Math.exp(logits[i]! - largest)
  for (let i = 0; i < logits.length; i++) probabilities[i]! /= sum
  return probabilities
}

/** A token and how likely it is. */
export interface Candidate {
  readonly id: number
  readonly probability: number
}

/** The `count` likeliest tokens, the likeliest first, of equals the lower id. */
export function likeliest(logits: ArrayLike<number>, count: number): Candidate[] {
  const probabilities = probabilitiesOf(logits)
  return [...order(probabilities).subarray(0, count)].map((id) => ({ id, probability: probabilities[id]! }))
}

/**
 * The token that `uniform`, a number from 0 up to but without 1, picks: the candidates that stay stand in a row, the likeliest
 * first, each as wide as it is likely.
 *
 * @throws UsageError for options that make no sense, or logits that are NaN
 */
export function sample(logits: ArrayLike<number>, uniform: number, options: SamplingOptions = {}): number {
  checkSampling(options)
  const { temperature = 1, topK = logits.length, topP = 1 } = options
  const largest = largestOf(logits) // and no NaN among them
  if (temperature === 0) return largest
  const scaled = Float64Array.from(logits, (logit) => logit / temperature)
  const probabilities = probabilitiesOf(scaled)
  // Those below it have less than 1 − topP together, so none of them stays: of a large vocabulary few are left to be sorted.
  const ids = order(probabilities, (1 - topP) / probabilities.length)
  let kept = 0
  let mass = 0
  while (kept < Math.min(topK, ids.length) && (kept === 0 || mass < topP))
    mass += probabilities[ids[kept++]!]!
  let left = uniform * mass
  for (let i = 0; i < kept - 1; i++) {
    left -= probabilities[ids[i]!]!
    if (left < 0) return ids[i]!
  }
  return ids[kept - 1]!
}

/** Ids of at least this probability, the likeliest first. */
function order(probabilities: Float64Array, least = 0): Int32Array {
  const ids = new Int32Array(probabilities.length)
  let count = 0
  probabilities.forEach((probability, id) => {
    if (probability >= least) ids[count++] = id
  })
  return ids.subarray(0, count).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b)
}

/**
 * The id of the largest logit, of equals the lowest.
 *
 * @throws UsageError for NaN
 */
function largestOf(logits: ArrayLike<number>): number {
  let best = 0
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    if (logit > largest) {
      best = id
      largest = logit
    } else if (Number.isNaN(logit)) {
      throw new UsageError({
        operation: 'sample',
        expected: 'logits that are numbers',
        found: `NaN for token ${id}`,
        hint: 'the weights are damaged, or training diverged',
      })
    }
  }
  return best
}
