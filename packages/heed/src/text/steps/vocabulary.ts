import { readUtf8, writeUtf8 } from '../../base/index.js'

/** Tables begin at an entry that no file's author can choose, so that none is made for long searches. */
const seed = (Math.random() * 2 ** 32) | 0

/**
 * The tokens of a model and their ids, in the order in which they were added. A hash table over the tokens'
 * bytes of UTF-8: a token becomes a string only where somebody asks for it.
 */
export class Vocabulary implements Iterable<readonly [token: string, id: number]> {
  #size = 0
  #highest = -1
  #longest = 0
  /** The tokens one behind the other: the one at place i has the bytes [starts[i], starts[i + 1]). */
  #bytes: Uint8Array
  #starts: Int32Array
  #ids: Int32Array
  /** Pairs of a token's hash and its place + 1. 0: the pair is free. */
  #slots: Int32Array
  #shift: number
  #placeOfId: Int32Array | undefined
  #texts: (string | undefined)[] = []

  /** @param expected how many tokens there may be; there can be more */
  constructor(expected: number = 64) {
    const bits = Math.max(7, Math.ceil(Math.log2(expected + 1)) + 1)
    this.#shift = 32 - bits
    this.#slots = new Int32Array(2 << bits)
    this.#ids = new Int32Array(1 << (bits - 1))
    this.#starts = new Int32Array((1 << (bits - 1)) + 1)
    this.#bytes = new Uint8Array(8 << (bits - 1))
  }

  static of(entries: Iterable<readonly [token: string, id: number]>): Vocabulary {
    const vocabulary = new Vocabulary()
    for (const [token, id] of entries) vocabulary.add(token, id)
    return vocabulary
  }

  /** How many tokens there are. */
  get size(): number {
    return this.#size
  }

  /** -1 where there are no tokens. */
  get highestId(): number {
    return this.#highest
  }

  /** Of all tokens, in bytes of UTF-8. */
  get longest(): number {
    return this.#longest
  }

  /** Adds a token unless it is there already, and answers whether it was added. */
  add(token: string, id: number): boolean {
    const bytes = token.length > scratch.length / 3 ? new Uint8Array(3 * token.length) : scratch
    return this.addBytes(bytes, 0, writeUtf8(token, 0, token.length, bytes, 0), id)
  }

  /** The same for a token in UTF-8. */
  addBytes(bytes: Uint8Array, start: number, end: number, id: number): boolean {
    if (this.#size === this.#ids.length) this.#grow()
    const hash = hashOf(bytes, start, end)
    const slot = this.#find(hash, bytes, start, end)
    if (this.#slots[slot + 1] !== 0) return false
    const place = this.#size++
    const from = this.#starts[place]!
    const length = end - start
    if (from + length > this.#bytes.length) {
      const longer = new Uint8Array(2 * (from + length))
      longer.set(this.#bytes)
      this.#bytes = longer
    }
    const own = this.#bytes
    for (let i = 0; i < length; i++) own[from + i] = bytes[start + i]!
    this.#starts[place + 1] = from + length
    this.#ids[place] = id
    this.#slots[slot] = hash
    this.#slots[slot + 1] = place + 1
    if (id > this.#highest) this.#highest = id
    if (length > this.#longest) this.#longest = length
    this.#placeOfId = undefined
    return true
  }

  has(token: string): boolean {
    return this.id(token) !== undefined
  }

  /** A token's id. */
  id(token: string): number | undefined {
    // A longer one isn't looked at, so that it costs nothing.
    if (token.length > this.#longest) return undefined
    const bytes = token.length > scratch.length / 3 ? new Uint8Array(3 * token.length) : scratch
    const id = this.idOfBytes(bytes, 0, writeUtf8(token, 0, token.length, bytes, 0))
    return id < 0 ? undefined : id
  }

  /** The id of a token in UTF-8, or -1. */
  idOfBytes(bytes: Uint8Array, start: number, end: number): number {
    const place = this.placeOfBytes(bytes, start, end)
    return place < 0 ? -1 : this.#ids[place]!
  }

  /** A token's place in the order of tokens, or -1. */
  placeOfBytes(bytes: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#find(hashOf(bytes, start, end), bytes, start, end) + 1]! - 1
  }

  /** Whether the token at a place has these bytes. */
  isAt(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (place < 0 || place >= this.#size) return false
    const own = this.#bytes
    const from = this.#starts[place]! - start
    if (this.#starts[place + 1]! - from !== end) return false
    for (let i = start; i < end; i++) if (own[from + i] !== bytes[i]) return false
    return true
  }

  /** The tokens in UTF-8, one behind the other; what is behind the last one is of no account. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Where in `bytes` the token at a place begins; it ends where the next one begins. */
  startAt(place: number): number {
    return this.#starts[place]!
  }

  /** The id of the token at a place. */
  idAt(place: number): number {
    return this.#ids[place]!
  }

  /** The token at a place. */
  tokenAt(place: number): string {
    return (this.#texts[place] ??= readUtf8(this.#bytes, this.#starts[place]!, this.#starts[place + 1]!))
  }

  /** The token of an id, the first if there are several. The table for it is as long as the highest id. */
  token(id: number): string | undefined {
    const place = this.placeOfId(id)
    return place < 0 ? undefined : this.tokenAt(place)
  }

  /** Where the first token with an id is in the order of tokens, or -1. */
  placeOfId(id: number): number {
    let places = this.#placeOfId
    if (places === undefined) {
      places = new Int32Array(this.#highest + 1).fill(-1)
      for (let place = this.#size - 1; place >= 0; place--) places[this.#ids[place]!] = place
      this.#placeOfId = places
    }
    return places[id] ?? -1
  }

  *[Symbol.iterator](): Generator<readonly [token: string, id: number]> {
    for (let place = 0; place < this.#size; place++) yield [this.tokenAt(place), this.#ids[place]!]
  }

  /** Where a token's pair is in the table, or where it would go. */
  #find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = 2 * (hash >>> this.#shift); ; slot = (slot + 2) & mask) {
      const place = slots[slot + 1]! - 1
      if (place < 0 || (slots[slot] === hash && this.isAt(place, bytes, start, end))) return slot
    }
  }

  #grow(): void {
    const old = this.#slots
    const room = 2 * this.#ids.length
    const ids = new Int32Array(room)
    ids.set(this.#ids)
    this.#ids = ids
    const starts = new Int32Array(room + 1)
    starts.set(this.#starts)
    this.#starts = starts
    this.#shift--
    const slots = new Int32Array(2 * old.length)
    const mask = slots.length - 1
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue
      let slot = 2 * (old[i]! >>> this.#shift)
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask
      slots[slot] = old[i]!
      slots[slot + 1] = old[i + 1]!
    }
    this.#slots = slots
  }
}

const scratch = new Uint8Array(1024)

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}
