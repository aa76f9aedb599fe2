import type { TrainingSteps } from './training-steps.js'

/** How many places are looked at between two steps. */
const block = 1 << 18

/**
 * The places of a text in the order of what begins there, as far as its first `depth` symbols say. Sorts by
 * one symbol, then by twice as many each round (Manber and Myers 1993, "Suffix Arrays"): O(n log depth).
 *
 * @param text symbols from 0 to `symbols` − 1
 */
export function* suffixOrder(text: Int32Array, symbols: number, depth: number): TrainingSteps<Int32Array> {
  const size = text.length
  const ends = new Int32Array(Math.max(symbols, size) + 1)
  let { order, ranks } = orderBySymbol(text, symbols, ends)
  let nextOrder = new Int32Array(size)
  let nextRanks = new Int32Array(size)
  for (let sorted = 1; sorted < depth && sorted < size; sorted *= 2) {
    const progress = { phase: 'seeds', done: sorted, total: depth } as const
    for (let at = 0; at < size; at++) ends[at] = at
    // What begins so near to the end that nothing comes after the sorted symbols is before its equals.
    for (let at = size - sorted; at < size; at++) nextOrder[ends[ranks[at]!]!++] = at
    for (let from = 0; from < size; from += block) {
      yield progress
      orderByRest(order.subarray(from, from + block), sorted, ranks, ends, nextOrder)
    }
    let rank = 0
    for (let from = 0; from < size; from += block) {
      yield progress
      rank = rankAnew(nextOrder, from, Math.min(from + block, size), rank, sorted, ranks, nextRanks)
    }
    ;[order, nextOrder] = [nextOrder, order]
    ;[ranks, nextRanks] = [nextRanks, ranks]
  }
  return order
}

/** The rank of a place is where the first of its equals stands in the order. */
function orderBySymbol(
  text: Int32Array,
  symbols: number,
  ends: Int32Array,
): { order: Int32Array<ArrayBuffer>; ranks: Int32Array<ArrayBuffer> } {
  const size = text.length
  const order = new Int32Array(size)
  const ranks = new Int32Array(size)
  for (let at = 0; at < size; at++) ends[text[at]! + 1]!++
  for (let symbol = 0; symbol < symbols; symbol++) ends[symbol + 1]! += ends[symbol]!
  for (let at = 0; at < size; at++) ranks[at] = ends[text[at]!]!
  for (let at = 0; at < size; at++) order[ends[text[at]!]!++] = at
  return { order, ranks }
}

/** Puts places among their equals, in the order of the places `sorted` after them. */
function orderByRest(
  later: Int32Array,
  sorted: number,
  ranks: Int32Array,
  ends: Int32Array,
  nextOrder: Int32Array,
): void {
  for (const place of later) {
    const at = place - sorted
    if (at >= 0) nextOrder[ends[ranks[at]!]!++] = at
  }
}

/** Ranks [from, to) of an order; gives the last rank. */
function rankAnew(
  order: Int32Array,
  from: number,
  to: number,
  last: number,
  sorted: number,
  ranks: Int32Array,
  nextRanks: Int32Array,
): number {
  const size = order.length
  let rank = last
  for (let place = from; place < to; place++) {
    const at = order[place]!
    if (place > 0) {
      const before = order[place - 1]!
      const isSame =
        ranks[at] === ranks[before] &&
        at + sorted < size &&
        before + sorted < size &&
        ranks[at + sorted] === ranks[before + sorted]
      if (!isSame) rank = place
    }
    nextRanks[at] = rank
  }
  return rank
}
