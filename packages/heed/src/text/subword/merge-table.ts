/** Tables begin elsewhere in each process, so that no file can be made for long searches. */
const seed = (Math.random() * 2 ** 32) | 0

/**
 * Which pairs of neighbouring tokens join, and to what: a hash table without an object for a pair. Of a pair
 * that is set several times the last counts.
 */
export class MergeTable {
  /**
   * Four numbers for each place of the table: left token, right token, order, merged token. The order is the
   * merge's rank + 1, so that 0 means: nobody is here.
   */
  slots: Int32Array
  #shift: number
  #size = 0
  #orders = 0

  /** @param expected how many pairs there may be; there can be more */
  constructor(expected: number = 16) {
    const bits = Math.max(5, Math.ceil(Math.log2(expected + 1)) + 1)
    this.#shift = 32 - bits
    this.slots = new Int32Array(4 << bits)
  }

  /** @param ids left, right and joined token of each merge, by rank */
  static of(ids: Int32Array, count: number): MergeTable {
    const table = new MergeTable(count)
    // A few at a time are looked for, and then set: so memory is waited for once, not once for each.
    for (let begin = 0; begin < count; begin += 64) {
      const end = Math.min(count, begin + 64)
      let touched = 0
      for (let i = begin; i < end; i++) {
        const at = 4 * (hashOf(ids[3 * i]!, ids[3 * i + 1]!) >>> table.#shift)
        touched ^= table.slots[at + 2]!
      }
      touchedLast = touched
      for (let i = begin; i < end; i++) table.set(ids[3 * i]!, ids[3 * i + 1]!, i, ids[3 * i + 2]!)
    }
    return table
  }

  /** How many pairs there are. */
  get size(): number {
    return this.#size
  }

  /** Where in `slots` a pair's four numbers begin, or -1. */
  find(left: number, right: number): number {
    const { slots } = this
    const mask = slots.length - 1
    for (let at = 4 * (hashOf(left, right) >>> this.#shift); ; at = (at + 4) & mask) {
      if (slots[at + 2] === 0) return -1
      if (slots[at] === left && slots[at + 1] === right) return at
    }
  }

  set(left: number, right: number, rank: number, merged: number): void {
    if (8 * this.#size >= this.slots.length) this.#grow()
    const { slots } = this
    const mask = slots.length - 1
    let at = 4 * (hashOf(left, right) >>> this.#shift)
    while (slots[at + 2] !== 0 && (slots[at] !== left || slots[at + 1] !== right)) at = (at + 4) & mask
    if (slots[at + 2] === 0) this.#size++
    slots[at] = left
    slots[at + 1] = right
    slots[at + 2] = rank + 1
    slots[at + 3] = merged
    if (rank >= this.#orders) this.#orders = rank + 1
  }

  /** Where in `slots` the pairs are, by rank; those of one rank by their tokens. */
  byRank(): Int32Array {
    const { slots } = this
    const places = new Int32Array(this.#orders).fill(-1)
    for (let at = 0; at < slots.length; at += 4) if (slots[at + 2] !== 0) places[slots[at + 2]! - 1] = at
    const found = places.filter((at) => at >= 0)
    if (found.length === this.#size) return found
    // Some have the same rank.
    const all: number[] = []
    for (let at = 0; at < slots.length; at += 4) if (slots[at + 2] !== 0) all.push(at)
    const order = (at: number, place: number): number => slots[at + place]!
    all.sort((a, b) => order(a, 2) - order(b, 2) || order(a, 0) - order(b, 0) || order(a, 1) - order(b, 1))
    return Int32Array.from(all)
  }

  #grow(): void {
    const old = this.slots
    this.slots = new Int32Array(2 * old.length)
    this.#shift--
    this.#size = 0
    for (let at = 0; at < old.length; at += 4)
      if (old[at + 2] !== 0) this.set(old[at]!, old[at + 1]!, old[at + 2]! - 1, old[at + 3]!)
  }
}

/** Written, and never read, so that looking is not left out. */
export let touchedLast = 0

function hashOf(left: number, right: number): number {
  let hash = Math.imul(left ^ seed, 0x9e3779b1)
  hash = Math.imul((hash ^ (hash >>> 15)) + right, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0x2c1b3c6d)
  return hash ^ (hash >>> 16)
}
