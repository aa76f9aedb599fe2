/** How the next token is chosen from a model's logits. */
import { checkWhole, inWords, UsageError } from '../base/index.js'

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
  const { temperature = 1, topK, typicalP = 1 } = options
  if (temperature === 0 || topK === 1) return Array.prototype.indexOf.call(logits, largest)
  const weigh: Weigh = { logits, largest, temperature }
  const { ids, mass } =
    typicalP === 1 ? keptOf(weigh, options, uniform) : typicalOf(weigh, keptOf(weigh, options), typicalP)
  let left = uniform * mass
  for (const id of ids) {
    left -= weightOf(weigh, logits[id]!)
    if (left < 0) return id
  }
  return ids.at(-1)!
}

/** What a token's weight follows from: exp((logit − largest) / temperature). */
interface Weigh {
  readonly logits: ArrayLike<number>
  readonly largest: number
  readonly temperature: number
}

/** Candidates and the sum of their weights. */
interface Kept {
  readonly ids: Int32Array
  readonly mass: number
}

/** So many are put in order at first, where it isn't known how many stay: more than mostly do. */
const firstOrdered = 256

/**
 * What topK, topP and minP leave, the likeliest first. Of a large vocabulary few stay mostly: only as many
 * are put in order as it takes to see which.
 *
 * @param uniform where all stay, those beyond this part of their sum are left out; without it none are, and
 * they are in order of their ids
 */
function keptOf(
  weigh: Weigh,
  { topK = weigh.logits.length, topP = 1, minP = 0 }: SamplingOptions,
  uniform?: number,
): Kept {
  const { logits } = weigh
  const most = Math.min(topK, logits.length)
  const limited = most < logits.length
  const plain = topP === 1 && minP === 0
  const whole = limited || (minP > 0 && topP === 1) ? 0 : sumOfWeights(weigh)
  if (plain && !limited && uniform === undefined) return { ids: possibleIds(weigh), mass: whole }
  for (let count = limited ? most : Math.min(firstOrdered, most); ; count = Math.min(16 * count, most)) {
    const ids = largestIds(logits, count)
    const weights = Float64Array.from(ids, (id) => weightOf(weigh, logits[id]!))
    const total = limited ? weights.reduce((sum, weight) => sum + weight, 0) : whole
    const enough = topP < 1 ? topP * total : plain && uniform !== undefined ? uniform * total : Infinity
    let stay = 0
    let mass = 0
    while (stay < count && weights[stay]! > 0 && weights[stay]! >= minP) {
      if (topP < 1 ? stay > 0 && mass >= enough : mass > enough) break
      mass += weights[stay++]!
    }
    if (stay === count && count < most) continue
    return { ids: ids.subarray(0, stay), mass: plain ? total : mass }
  }
}

/** Of some candidates those that are typical, the likeliest first. */
function typicalOf(weigh: Weigh, { ids, mass }: Kept, typicalP: number): Kept {
  const { logits } = weigh
  const logMass = Math.log(mass)
  const information = Float64Array.from(ids, (id) => logMass - logWeightOf(weigh, logits[id]!))
  const entropy = information.reduce((sum, value) => sum + value * Math.exp(-value), 0)
  const nearness = information.map((value) => -Math.abs(value - entropy))
  for (let count = Math.min(firstOrdered, ids.length); ; count = Math.min(16 * count, ids.length)) {
    const nearest = largestIds(nearness, count)
    let stay = 0
    let part = 0
    while (stay < count && (stay === 0 || part < typicalP)) part += Math.exp(-information[nearest[stay++]!]!)
    if (stay === count && part < typicalP && count < ids.length) continue
    const found = nearest.subarray(0, stay).map((place) => ids[place]!)
    return { ids: found.sort((a, b) => logits[b]! - logits[a]! || a - b), mass: part * mass }
  }
}

function logWeightOf({ largest, temperature }: Weigh, logit: number): number {
  // The difference of equal infinities is NaN, where the limit is 0.
  return logit === largest ? 0 : (logit - largest) / temperature
}

/** 1 for the largest, also where it is infinite, and 0 for −infinity. */
function weightOf(weigh: Weigh, logit: number): number {
  return Math.exp(logWeightOf(weigh, logit))
}

function sumOfWeights({ logits, largest, temperature }: Weigh): number {
  let sum = 0
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    sum += logit === largest ? 1 : Math.exp((logit - largest) / temperature)
  }
  return sum
}

/** All ids whose weight is above 0. */
function possibleIds(weigh: Weigh): Int32Array {
  const ids = new Int32Array(weigh.logits.length)
  let count = 0
  for (let id = 0; id < ids.length; id++) if (weightOf(weigh, weigh.logits[id]!) > 0) ids[count++] = id
  return ids.subarray(0, count)
}

/**
 * The `count` places of the largest numbers, the largest first, of equals the lower place: a heap of the best
 * so far, whose root is the worst of them.
 */
export function largestIds(numbers: ArrayLike<number>, count: number): Int32Array {
  const size = Math.min(count, numbers.length)
  const heap = new Int32Array(size)
  if (size === 0) return heap
  const isWorse = (a: number, b: number): boolean => {
    const difference = numbers[a]! - numbers[b]!
    return difference < 0 || (!(difference > 0) && a > b)
  }
  const sink = (id: number, from: number): void => {
    let at = from
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isWorse(heap[child + 1]!, heap[child]!)) child++
      if (!isWorse(heap[child]!, id)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = id
  }
  for (let id = 0; id < size; id++) heap[id] = id
  for (let at = (size >> 1) - 1; at >= 0; at--) sink(heap[at]!, at)
  let least = numbers[heap[0]!]!
  for (let id = size; id < numbers.length; id++) {
    if (!(numbers[id]! > least)) continue
    sink(id, 0)
    least = numbers[heap[0]!]!
  }
  // The difference of equal infinities is NaN, which is no order either: the place decides.
  return heap.sort((a, b) => numbers[b]! - numbers[a]! || a - b)
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
