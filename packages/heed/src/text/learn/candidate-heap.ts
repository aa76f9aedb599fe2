import type { PairCounts } from './pair-counts.js'

/**
 * Pairs that may merge, in a heap of four children a node: the highest count first, of equal counts the
 * pair of the lower ids, left before right. Each has the words in which it was new when it was pushed.
 */
export class CandidateHeap {
  readonly #pairs: PairCounts
  #counts = new Float64Array(1 << 10)
  #indices = new Int32Array(1 << 10)
  #nodes = new Int32Array(1 << 10)
  #size = 0

  constructor(pairs: PairCounts) {
    this.#pairs = pairs
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** Of the candidate that comes first: its count when it was pushed, its pair, and its list of words. */
  get topCount(): number {
    return this.#counts[0]!
  }

  get topPair(): number {
    return this.#indices[0]!
  }

  get topNode(): number {
    return this.#nodes[0]!
  }

  push(count: number, pair: number, node: number): void {
    let at = this.#size++
    if (at === this.#counts.length) this.#grow()
    const counts = this.#counts
    const indices = this.#indices
    const nodes = this.#nodes
    while (at > 0) {
      const parent = (at - 1) >> 2
      if (!this.#precedes(count, pair, counts[parent]!, indices[parent]!)) break
      counts[at] = counts[parent]!
      indices[at] = indices[parent]!
      nodes[at] = nodes[parent]!
      at = parent
    }
    counts[at] = count
    indices[at] = pair
    nodes[at] = node
  }

  pop(): void {
    const last = --this.#size
    if (last > 0) this.#sink(this.#counts[last]!, this.#indices[last]!, this.#nodes[last]!)
  }

  /** Gives the first candidate another count. */
  correctTop(count: number): void {
    this.#sink(count, this.#indices[0]!, this.#nodes[0]!)
  }

  /** Puts a candidate in the place of the first one, and down to where it belongs. */
  #sink(count: number, pair: number, node: number): void {
    const counts = this.#counts
    const indices = this.#indices
    const nodes = this.#nodes
    const size = this.#size
    let at = 0
    for (let child = 1; child < size; child = 4 * at + 1) {
      const end = Math.min(child + 4, size)
      let first = child
      for (let other = child + 1; other < end; other++) {
        if (this.#precedes(counts[other]!, indices[other]!, counts[first]!, indices[first]!)) first = other
      }
      if (!this.#precedes(counts[first]!, indices[first]!, count, pair)) break
      counts[at] = counts[first]!
      indices[at] = indices[first]!
      nodes[at] = nodes[first]!
      at = first
    }
    counts[at] = count
    indices[at] = pair
    nodes[at] = node
  }

  #precedes(count: number, pair: number, otherCount: number, otherPair: number): boolean {
    if (count !== otherCount) return count > otherCount
    const pairs = this.#pairs
    const left = pairs.left(pair)
    const otherLeft = pairs.left(otherPair)
    return left !== otherLeft ? left < otherLeft : pairs.right(pair) < pairs.right(otherPair)
  }

  #grow(): void {
    const size = 2 * this.#counts.length
    const [counts, indices, nodes] = [new Float64Array(size), new Int32Array(size), new Int32Array(size)]
    counts.set(this.#counts)
    indices.set(this.#indices)
    nodes.set(this.#nodes)
    this.#counts = counts
    this.#indices = indices
    this.#nodes = nodes
  }
}
