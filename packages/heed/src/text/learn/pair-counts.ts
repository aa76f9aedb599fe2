/** A pair's record: left token, right token, first node of its words or -1, nothing, count in two. */
const stride = 6

/**
 * How often each pair of neighbouring tokens occurs, and in which words it was found since it was last asked
 * for. The words of a pair form a linked list, whose nodes are used again when the list was taken.
 */
export class PairCounts {
  /** What is known of a pair lies together, so that memory is waited for once. */
  #records = new Int32Array(stride << 12)
  #counts = new Float64Array(this.#records.buffer)
  #size = 0
  /** Number of a pair + 1, or 0. At most half of the slots are taken. */
  #slots = new Int32Array(1 << 13)
  /** Two numbers a node: its word, and the next node or -1. */
  #nodes = new Int32Array(1 << 13)
  #nodesUsed = 0
  #freeNode = -1
  /** Pairs that words were added to. */
  #found = new Int32Array(1 << 8)
  #foundSize = 0

  left(pair: number): number {
    return this.#records[stride * pair]!
  }

  right(pair: number): number {
    return this.#records[stride * pair + 1]!
  }

  count(pair: number): number {
    return this.#counts[(stride / 2) * pair + 2]!
  }

  /** The word of a node. */
  word(node: number): number {
    return this.#nodes[2 * node]!
  }

  /** The node after one, or -1. */
  next(node: number): number {
    return this.#nodes[2 * node + 1]!
  }

  add(left: number, right: number, count: number, word: number): void {
    const pair = this.#indexOf(left, right)
    const records = this.#records
    this.#counts[(stride / 2) * pair + 2]! += count
    const head = records[stride * pair + 2]!
    if (head < 0) {
      if (this.#foundSize === this.#found.length) this.#found = longer(this.#found)
      this.#found[this.#foundSize++] = pair
    } else if (this.#nodes[2 * head] === word) return
    let node = this.#freeNode
    if (node >= 0) this.#freeNode = this.#nodes[2 * node + 1]!
    else {
      node = this.#nodesUsed++
      if (2 * node === this.#nodes.length) this.#nodes = longer(this.#nodes)
    }
    this.#nodes[2 * node] = word
    this.#nodes[2 * node + 1] = head
    records[stride * pair + 2] = node
  }

  remove(left: number, right: number, count: number): void {
    this.#counts[(stride / 2) * this.#indexOf(left, right) + 2]! -= count
  }

  /** The pairs that words were added to since the last call, and the first node of each pair's words. */
  takeFound(take: (pair: number, node: number) => void): void {
    for (let i = 0; i < this.#foundSize; i++) {
      const pair = this.#found[i]!
      const head = this.#records[stride * pair + 2]!
      this.#records[stride * pair + 2] = -1
      if (this.count(pair) > 0) take(pair, head)
      else this.release(head)
    }
    this.#foundSize = 0
  }

  /** Gives the nodes of a list back. */
  release(head: number): void {
    const nodes = this.#nodes
    let last = head
    while (nodes[2 * last + 1]! >= 0) last = nodes[2 * last + 1]!
    nodes[2 * last + 1] = this.#freeNode
    this.#freeNode = head
  }

  #indexOf(left: number, right: number): number {
    const records = this.#records
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = placeOf(left, right) & mask
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const pair = slots[slot]! - 1
      if (records[stride * pair] === left && records[stride * pair + 1] === right) return pair
    }
    const pair = this.#size++
    slots[slot] = this.#size
    if (stride * pair === records.length) {
      this.#records = longer(records)
      this.#counts = new Float64Array(this.#records.buffer)
    }
    this.#records[stride * pair] = left
    this.#records[stride * pair + 1] = right
    this.#records[stride * pair + 2] = -1
    if (2 * this.#size > slots.length) this.#growSlots()
    return pair
  }

  #growSlots(): void {
    const slots = new Int32Array(2 * this.#slots.length)
    const mask = slots.length - 1
    for (let pair = 0; pair < this.#size; pair++) {
      let slot = placeOf(this.left(pair), this.right(pair)) & mask
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
