import type { TrainingSteps } from './training-steps.js'

/**
 * The places of a text in the order of what begins there, as far as its first `depth` symbols say. Sorts by
 * one symbol, then by twice as many each round (Manber and Myers 1993, "Suffix Arrays"): O(n log depth).
 *
 * @param text symbols from 0 to `symbols` − 1
 */
export function* suffixOrder(text: Int32Array, symbols: number, depth: number): TrainingSteps<Int32Array> {
  const size = text.length
  let order = new Int32Array(size)
  let ranks = new Int32Array(size)
  // The rank of a place is where the first of its equals stands in the order.
  const ends = new Int32Array(Math.max(symbols, size) + 1)
  for (let at = 0; at < size; at++) ends[text[at]! + 1]!++
  for (let symbol = 0; symbol < symbols; symbol++) ends[symbol + 1]! += ends[symbol]!
  for (let at = 0; at < size; at++) ranks[at] = ends[text[at]!]!
  for (let at = 0; at < size; at++) order[ends[text[at]!]!++] = at
  let nextOrder = new Int32Array(size)
  let nextRanks = new Int32Array(size)
  for (let sorted = 1; sorted < depth && sorted < size; sorted *= 2) {
    yield { phase: 'seeds', done: sorted, total: depth }
    for (let at = 0; at < size; at++) ends[at] = at
    for (let at = size - sorted; at < size; at++) nextOrder[ends[ranks[at]!]!++] = at
    for (let place = 0; place < size; place++) {
      const at = order[place]! - sorted
      if (at >= 0) nextOrder[ends[ranks[at]!]!++] = at
    }
    yield { phase: 'seeds', done: sorted, total: depth }
    let rank = 0
    for (let place = 0; place < size; place++) {
      const at = nextOrder[place]!
      if (place > 0) {
        const before = nextOrder[place - 1]!
        const isSame =
          ranks[at] === ranks[before] &&
          at + sorted < size &&
          before + sorted < size &&
          ranks[at + sorted] === ranks[before + sorted]
        if (!isSame) rank = place
      }
      nextRanks[at] = rank
    }
    ;[order, nextOrder] = [nextOrder, order]
    ;[ranks, nextRanks] = [nextRanks, ranks]
  }
  return order
}
