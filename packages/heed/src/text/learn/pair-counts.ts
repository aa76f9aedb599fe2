/**
 * How often each pair of neighbouring tokens occurs, and in which words it was found since it was last asked
 * for. The words of a pair form a linked list, whose nodes are used again when the list was taken.
 */
export class PairCounts {
  /** Pair → its two tokens, and its count. */
  lefts: Int32Array = new Int32Array(1 << 12)
  rights: Int32Array = new Int32Array(1 << 12)
  counts: Float64Array = new Float64Array(1 << 12)
  /** Pair → the first node of its words, or -1. */
  #heads = new Int32Array(1 << 12)
  #size = 0
  /** Number of a pair + 1, or 0. At most half of the slots are taken. */
  #slots = new Int32Array(1 << 13)
  /** Node → its word, and the next node or -1. */
  nodeWords: Int32Array = new Int32Array(1 << 12)
  nodeNexts: Int32Array = new Int32Array(1 << 12)
  #nodes = 0
  #freeNode = -1
  /** Pairs that words were added to. */
  #found = new Int32Array(1 << 8)
  #foundSize = 0

  add(left: number, right: number, count: number, word: number): void {
    const pair = this.#indexOf(left, right)
    this.counts[pair]! += count
    const head = this.#heads[pair]!
    if (head < 0) {
      if (this.#foundSize === this.#found.length) this.#found = longer(this.#found)
      this.#found[this.#foundSize++] = pair
    } else if (this.nodeWords[head] === word) return
    let node = this.#freeNode
    if (node >= 0) this.#freeNode = this.nodeNexts[node]!
    else {
      node = this.#nodes++
      if (node === this.nodeWords.length) {
        this.nodeWords = longer(this.nodeWords)
        this.nodeNexts = longer(this.nodeNexts)
      }
    }
    this.nodeWords[node] = word
    this.nodeNexts[node] = head
    this.#heads[pair] = node
  }

  remove(left: number, right: number, count: number): void {
    this.counts[this.#indexOf(left, right)]! -= count
  }

  /** The pairs that words were added to since the last call, and the first node of each pair's words. */
  takeFound(take: (pair: number, node: number) => void): void {
    for (let i = 0; i < this.#foundSize; i++) {
      const pair = this.#found[i]!
      const head = this.#heads[pair]!
      this.#heads[pair] = -1
      if (this.counts[pair]! > 0) take(pair, head)
      else this.release(head)
    }
    this.#foundSize = 0
  }

  /** Gives the nodes of a list back. */
  release(head: number): void {
    if (head < 0) return
    let last = head
    while (this.nodeNexts[last]! >= 0) last = this.nodeNexts[last]!
    this.nodeNexts[last] = this.#freeNode
    this.#freeNode = head
  }

  #indexOf(left: number, right: number): number {
    const { lefts, rights } = this
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = placeOf(left, right) & mask
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const pair = slots[slot]! - 1
      if (lefts[pair] === left && rights[pair] === right) return pair
    }
    const pair = this.#size++
    slots[slot] = this.#size
    if (pair === lefts.length) {
      this.lefts = longer(lefts)
      this.rights = longer(rights)
      this.#heads = longer(this.#heads)
      const counts = new Float64Array(2 * pair)
      counts.set(this.counts)
      this.counts = counts
    }
    this.lefts[pair] = left
    this.rights[pair] = right
    this.#heads[pair] = -1
    if (2 * this.#size > slots.length) this.#growSlots()
    return pair
  }

  #growSlots(): void {
    const slots = new Int32Array(2 * this.#slots.length)
    const mask = slots.length - 1
    for (let pair = 0; pair < this.#size; pair++) {
      let slot = placeOf(this.lefts[pair]!, this.rights[pair]!) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = pair + 1
    }
    this.#slots = slots
  }
}

function placeOf(left: number, right: number): number {
  let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right + 0x7f4a7c15, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}

function longer(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(2 * numbers.length)
  copy.set(numbers)
  return copy
}
