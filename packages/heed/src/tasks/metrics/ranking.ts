/**
 * How good rankings are. A ranking is given as what each of its documents is worth, the best place first: 0
 * for one that is not relevant, 1 (or a higher grade) for one that is. Each function measures one query; what
 * is reported is the mean over queries.
 */
import { checkWhole } from '../../base/index.js'

/** What documents are worth, by their place in a ranking. */
export type Gains = ArrayLike<number>

/**
 * Normalized discounted cumulative gain of the first k places (Järvelin and Kekäläinen 2002), 0 to 1: Σ gain
 * / log2(1 + place) over that of the best order. 0 where nothing is relevant.
 *
 * @param relevant gains of all relevant documents, those that the ranking lacks too; default: the ranking's
 */
export function ndcgAt(gains: Gains, k: number, relevant: Gains = gains): number {
  checkWhole('ndcgAt', 'k', k, 1)
  const best = discounted(Float64Array.from(relevant).sort().reverse(), k)
  return best > 0 ? discounted(gains, k) / best : 0
}

function discounted(gains: Gains, k: number): number {
  let sum = 0
  for (let i = 0; i < Math.min(k, gains.length); i++) sum += Math.max(0, gains[i]!) / Math.log2(i + 2)
  return sum
}

/** 1 over the place of the first relevant document, if it is among the first k; else 0. */
export function mrrAt(gains: Gains, k: number = Infinity): number {
  if (k !== Infinity) checkWhole('mrrAt', 'k', k, 1)
  for (let i = 0; i < Math.min(k, gains.length); i++) if (gains[i]! > 0) return 1 / (i + 1)
  return 0
}

/**
 * The share of the relevant documents that are among the first k. 0 where nothing is relevant.
 *
 * @param relevant how many there are; default: as many as the ranking has
 */
export function recallAt(gains: Gains, k: number, relevant: number = relevantIn(gains, Infinity)): number {
  checkWhole('recallAt', 'k', k, 1)
  return relevant > 0 ? relevantIn(gains, k) / relevant : 0
}

/**
 * The mean, over the relevant documents, of the share of relevant ones among all up to its place; a document
 * that the ranking lacks brings 0. Its mean over queries is MAP.
 *
 * @param relevant how many there are; default: as many as the ranking has
 */
export function averagePrecision(
  gains: Gains,
  relevant: number = relevantIn(gains, Infinity),
  k: number = Infinity,
): number {
  let [found, sum] = [0, 0]
  for (let i = 0; i < Math.min(k, gains.length); i++) if (gains[i]! > 0) sum += ++found / (i + 1)
  return relevant > 0 ? sum / relevant : 0
}

function relevantIn(gains: Gains, k: number): number {
  let count = 0
  for (let i = 0; i < Math.min(k, gains.length); i++) if (gains[i]! > 0) count++
  return count
}
