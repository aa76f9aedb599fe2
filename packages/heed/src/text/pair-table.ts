/** Numbers for pairs of token ids: a hash table without an object per pair. */
export class PairTable {
  #slots: Int32Array
  #lefts: Int32Array
  #rights: Int32Array
  #values: Int32Array
  #shift: number
  #count = 0

  constructor(expected: number = 16) {
    const bits = Math.max(5, Math.ceil(Math.log2(expected + 1)) + 1)
    this.#shift = 32 - bits
    this.#slots = new Int32Array(1 << bits)
    const room = 1 << (bits - 1)
    this.#lefts = new Int32Array(room)
    this.#rights = new Int32Array(room)
    this.#values = new Int32Array(room)
  }

  get size(): number {
    return this.#count
  }

  /** The pair's number, or -1. */
  get(left: number, right: number): number {
    const slots = this.#slots
    const lefts = this.#lefts
    const rights = this.#rights
    const mask = slots.length - 1
    for (let slot = this.#place(left, right); ; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1
      if (entry < 0) return -1
      if (lefts[entry] === left && rights[entry] === right) return this.#values[entry]!
    }
  }

  set(left: number, right: number, value: number): void {
    if (this.#count === this.#lefts.length) this.#grow()
    const slots = this.#slots
    const lefts = this.#lefts
    const rights = this.#rights
    const mask = slots.length - 1
    for (let slot = this.#place(left, right); ; slot = (slot + 1) & mask) {
      let entry = slots[slot]! - 1
      if (entry >= 0 && (lefts[entry] !== left || rights[entry] !== right)) continue
      if (entry < 0) {
        entry = this.#count++
        slots[slot] = entry + 1
        lefts[entry] = left
        rights[entry] = right
      }
      this.#values[entry] = value
      return
    }
  }

  #place(left: number, right: number): number {
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right + 0x7f4a7c15, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    return (hash ^ (hash << 7)) >>> this.#shift
  }

  #grow(): void {
    const lefts = this.#lefts
    const rights = this.#rights
    const values = this.#values
    const count = this.#count
    const room = 2 * lefts.length
    this.#slots = new Int32Array(2 * room)
    this.#shift--
    this.#lefts = new Int32Array(room)
    this.#rights = new Int32Array(room)
    this.#values = new Int32Array(room)
    this.#count = 0
    for (let entry = 0; entry < count; entry++) this.set(lefts[entry]!, rights[entry]!, values[entry]!)
  }
}
