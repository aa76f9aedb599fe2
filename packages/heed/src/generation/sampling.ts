/** How the next token is chosen from a model's logits. */
import { checkWhole, inWords, UsageError } from '../base/index.js'
import { Candidates } from './candidates.js'
import { largestIds, logWeightOf, sumOfWeights, type Weigh, weightOf } from './weights.js'

/**
 * Applied in this order, which is that of Hugging Face's `generate`: temperature, topK, topP among what topK
 * leaves, minP, typicalP among what those leave.
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
  /**
   * Only tokens that are at least so likely, as a part of the likeliest one's probability, stay (Nguyen et
   * al. 2024, "Turning Up the Heat: Min-p Sampling"). From 0, all, to 1. Default 0.
   */
  readonly minP?: number
  /**
   * Only the least number of tokens whose probabilities sum to this stay, those whose information −log p is
   * nearest to the entropy first (Meister et al. 2023, "Locally Typical Sampling", equation 10). Above 0, at
   * most 1. Default 1: all.
   */
  readonly typicalP?: number
}

/** Names of the options, for those who check them. */
export const samplingNames: readonly (keyof SamplingOptions)[] = [
  'temperature',
  'topK',
  'topP',
  'minP',
  'typicalP',
]

/** @throws UsageError naming the option that makes no sense */
export function checkSampling(
  { temperature = 1, topK = 1, topP = 1, minP = 0, typicalP = 1 }: SamplingOptions,
  operation: string = 'sample',
): void {
  const refuse = (expected: string, found: unknown): never => {
    throw new UsageError({
      operation,
      expected,
      found: String(found),
      hint: 'leave it out for the default',
    })
  }
  if (!(Number.isFinite(temperature) && temperature >= 0)) refuse('a temperature of 0 or more', temperature)
  if (!Number.isInteger(topK) || topK < 1) refuse('topK, a whole number from 1 on', topK)
  if (!(Number.isFinite(topP) && topP > 0 && topP <= 1)) refuse('topP above 0, at most 1', topP)
  if (!(Number.isFinite(minP) && minP >= 0 && minP <= 1)) refuse('minP from 0 to 1', minP)
  if (!(Number.isFinite(typicalP) && typicalP > 0 && typicalP <= 1))
    refuse('typicalP above 0, at most 1', typicalP)
}

/**
 * Softmax of logits, in f64. Where some are infinite those share all of it equally, which is its limit; rows
 * of −infinity alone give zeros.
 *
 * @throws UsageError for NaN
 */
export function probabilitiesOf(logits: ArrayLike<number>): Float64Array {
  checkLogits('probabilitiesOf', logits)
  const weights = new Float64Array(logits.length)
  const largest = largestOf(logits)
  if (largest === -Infinity) return weights
  const weigh: Weigh = { logits, largest, temperature: 1 }
  const sum = sumOfWeights(weigh)
  for (let id = 0; id < weights.length; id++) weights[id] = weightOf(weigh, logits[id]!) / sum
  return weights
}

/**
 * What turns a logit of these into the logarithm of its probability, in f64.
 *
 * @throws UsageError for NaN
 */
export function logProbabilityOf(logits: ArrayLike<number>): (logit: number) => number {
  const largest = largestOf(logits)
  if (largest === -Infinity) return () => -Infinity
  const weigh: Weigh = { logits, largest, temperature: 1 }
  const logSum = Math.log(sumOfWeights(weigh))
  return (logit) => logWeightOf(weigh, logit) - logSum
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
  const probabilityOf = logProbabilityOf(logits)
  return Array.from(largestIds(logits, count), (id) => ({
    id,
    probability: Math.exp(probabilityOf(logits[id]!)),
  }))
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
  if (!(uniform >= 0 && uniform < 1)) refuse('a uniform number from 0 up to but without 1', String(uniform))
  const largest = largestOf(logits)
  if (largest === -Infinity) {
    const found = logits.length === 0 ? 'no logits' : 'none'
    refuse('a logit above −infinity', found, 'leave the mask of logits at least one token')
  }
  const { temperature = 1, topK, topP = 1, minP = 0, typicalP = 1 } = options
  if (temperature === 0 || topK === 1) return Array.prototype.indexOf.call(logits, largest)
  const candidates = candidatesOf({ logits, largest, temperature }, options, uniform)
  if (topP < 1) candidates.keepLikeliest(topP)
  if (minP > 0) candidates.keepAbove(minP)
  if (typicalP < 1) candidates.keepTypical(typicalP)
  return candidates.pick(uniform)
}

/**
 * The tokens that may be picked. Those that can't be, whatever comes of the options, are left out at once:
 * the rest of the work goes by how many are left.
 */
function candidatesOf(
  weigh: Weigh,
  { topK, topP = 1, minP = 0, typicalP = 1 }: SamplingOptions,
  uniform: number,
): Candidates {
  const { logits, largest, temperature } = weigh
  if (topK !== undefined && topK < logits.length) return new Candidates(weigh, largestIds(logits, topK))
  /** Logits this far below the largest, and those just there, for all roundings. */
  const least = (lag: number): number =>
    largest === Infinity ? largest : largest - temperature * (lag + 1e-6)
  if (topP === 1 && minP > 0) return new Candidates(weigh, undefined, least(-Math.log(minP)))
  if (topP === 1 && typicalP < 1) return new Candidates(weigh, undefined)
  const mass = sumOfWeights(weigh)
  // The least likely, which have less than the rest of the mass together, are beyond the part that counts.
  const rest = (1 - (topP < 1 ? topP : uniform)) * mass
  return new Candidates(weigh, undefined, least(-Math.log(rest / logits.length)), mass)
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
