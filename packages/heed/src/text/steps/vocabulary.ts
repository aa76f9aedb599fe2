import { readUtf8, writeUtf8 } from '../../base/index.js'

/** Tables begin elsewhere in each process, so that no file can be made for long searches. */
const seed = (Math.random() * 2 ** 32) | 0
/** The tag of a token of more than 8 bytes ends with this. */
const isLong = 0xf
/** Which bits the first and the next four bytes of a token of up to 8 have. */
const firstBits = Int32Array.from({ length: 9 }, (_, length) => (length >= 4 ? -1 : (1 << (8 * length)) - 1))
const secondBits = Int32Array.from({ length: 9 }, (_, length) => firstBits[Math.max(0, length - 4)]!)
const scratch = new Uint8Array(1024)

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
  /** Whether each token's id is its place. */
  #isNumbered = true
  /**
   * Four numbers for each place of the table: a token's first and next four bytes, its tag, its place + 1.
   * The tag is the length, or for more than 8 bytes a hash of all. A short token is found without a look at
   * its bytes. The place + 1 is 0 where nobody is.
   */
  #slots: Int32Array
  #shift: number
  #placeOfId: Int32Array | undefined
  #texts: (string | undefined)[] = []
  /** Of the token that is looked for. */
  #first = 0
  #second = 0
  #tag = 0
  /** Of many that are looked for: these three, where the search begins, and what it found. */
  #keys = new Int32Array(0)
  #view: DataView = new DataView(scratch.buffer)
  #viewed: Uint8Array = scratch

  /** @param expected how many tokens there may be; there can be more */
  constructor(expected: number = 64) {
    const bits = Math.max(7, Math.ceil(Math.log2(expected + 1)) + 1)
    this.#shift = 32 - bits
    this.#slots = new Int32Array(4 << bits)
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
    return this.#addAt(this.#find(bytes, start, end), bytes, start, end, id)
  }

  /** Adds a token at a place of the table, unless it is there already. */
  #addAt(slot: number, bytes: Uint8Array, start: number, end: number, id: number): boolean {
    if (this.#slots[slot + 3] !== 0) return false
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
    this.#slots[slot] = this.#first
    this.#slots[slot + 1] = this.#second
    this.#slots[slot + 2] = this.#tag
    this.#slots[slot + 3] = place + 1
    if (id !== place) this.#isNumbered = false
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
    return this.#isNumbered || place < 0 ? place : this.#ids[place]!
  }

  /** A token's place in the order of tokens, or -1. */
  placeOfBytes(bytes: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#find(bytes, start, end) + 3]! - 1
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

  /** Whether the token at a place has the bytes [start, middle) and [begin, end), one behind the other. */
  isJoinedAt(
    place: number,
    bytes: Uint8Array,
    start: number,
    middle: number,
    begin: number,
    end: number,
  ): boolean {
    if (place < 0 || place >= this.#size) return false
    const own = this.#bytes
    let at = this.#starts[place]!
    if (this.#starts[place + 1]! - at !== middle - start + end - begin) return false
    for (let i = start; i < middle; i++, at++) if (own[at] !== bytes[i]) return false
    for (let i = begin; i < end; i++, at++) if (own[at] !== bytes[i]) return false
    return true
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

  /**
   * Adds many tokens, those with the bytes [bounds[2 i], bounds[2 i + 1]), as `addBytes` does. Answers
   * whether all were added.
   */
  addAll(bytes: Uint8Array, bounds: Int32Array, ids: Int32Array, count: number): boolean {
    while (this.#size + count > this.#ids.length) this.#grow()
    this.#beginAll(bytes, bounds, count)
    const keys = this.#keys
    let isNew = true
    for (let i = 0; i < count; i++) {
      const [start, end] = [bounds[2 * i]!, bounds[2 * i + 1]!]
      this.#first = keys[4 * i]!
      this.#second = keys[4 * i + 1]!
      this.#tag = keys[4 * i + 2]!
      const slot = this.#search(keys[4 * i + 3]!, bytes, start, end)
      isNew = this.#addAt(slot, bytes, start, end, ids[i]!) && isNew
    }
    return isNew
  }

  /** Looks many tokens up: writes the id of each to `ids`, or -1. */
  idsOfBytes(bytes: Uint8Array, bounds: Int32Array, ids: Int32Array, count: number): void {
    const touched = this.#beginAll(bytes, bounds, count)
    const keys = this.#keys
    const slots = this.#slots
    const starts = this.#starts
    const mask = slots.length - 1
    let begins = touched
    for (let i = 0; i < count; i++) {
      const first = keys[4 * i]!
      const second = keys[4 * i + 1]!
      const tag = keys[4 * i + 2]!
      let slot = keys[4 * i + 3]!
      while (
        slots[slot + 3] !== 0 &&
        (slots[slot] !== first || slots[slot + 1] !== second || slots[slot + 2] !== tag)
      )
        slot = (slot + 4) & mask
      const place = slots[slot + 3]! - 1
      ids[i] = place
      if (tag > 8 || tag < 0) begins ^= starts[Math.max(0, place)]!
    }
    touchedLast = begins
    for (let i = 0; i < count; i++) {
      let place = ids[i]!
      const start = bounds[2 * i]!
      const end = bounds[2 * i + 1]!
      if (end - start > 8 && place >= 0 && !this.isAt(place, bytes, start, end))
        place = this.placeOfBytes(bytes, start, end)
      ids[i] = this.#isNumbered || place < 0 ? place : this.#ids[place]!
    }
  }

  /**
   * Makes the keys of many tokens, and looks once where each search begins. So memory is waited for once, and
   * not once for each token. Answers a number of no meaning, so that it isn't left out.
   */
  #beginAll(bytes: Uint8Array, bounds: Int32Array, count: number): number {
    if (this.#keys.length < 4 * count) this.#keys = new Int32Array(4 * count)
    const keys = this.#keys
    const slots = this.#slots
    let touched = 0
    for (let i = 0; i < count; i++) {
      const slot = this.#begin(bytes, bounds[2 * i]!, bounds[2 * i + 1]!)
      touched ^= slots[slot + 3]!
      keys[4 * i] = this.#first
      keys[4 * i + 1] = this.#second
      keys[4 * i + 2] = this.#tag
      keys[4 * i + 3] = slot
    }
    return touched
  }

  /** Where in the table a token is, or where it would go. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    return this.#search(this.#begin(bytes, start, end), bytes, start, end)
  }

  /** Makes the key of a token, and answers where in the table the search for it begins. */
  #begin(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    let first = 0
    let second = 0
    let tag = length
    if (start + 8 <= bytes.length) {
      const view = this.#viewOf(bytes)
      first = view.getInt32(start, true)
      second = view.getInt32(start + 4, true)
      if (length < 8) {
        first &= firstBits[length]!
        second &= secondBits[length]!
      } else if (length > 8) {
        let hash = seed ^ length
        for (let i = start + 8; i < end - 3; i += 4)
          hash = Math.imul(hash ^ view.getInt32(i, true), 0x01000193)
        hash = Math.imul(hash ^ view.getInt32(end - 4, true), 0x01000193)
        tag = (hash ^ (hash >>> 15)) | isLong
      }
    } else {
      for (let i = 0; i < length && i < 4; i++) first |= bytes[start + i]! << (8 * i)
      for (let i = 4; i < length; i++) second |= bytes[start + i]! << (8 * i)
    }
    this.#first = first
    this.#second = second
    this.#tag = tag
    return 4 * (hashOf(first, second, tag) >>> this.#shift)
  }

  #viewOf(bytes: Uint8Array): DataView {
    if (this.#viewed !== bytes) {
      this.#viewed = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    return this.#view
  }

  #search(slot: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    const first = this.#first
    const second = this.#second
    const tag = this.#tag
    for (; ; slot = (slot + 4) & mask) {
      if (slots[slot + 3] === 0) return slot
      if (slots[slot] !== first || slots[slot + 1] !== second || slots[slot + 2] !== tag) continue
      if (end - start <= 8 || this.isAt(slots[slot + 3]! - 1, bytes, start, end)) return slot
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
    for (let from = 0; from < old.length; from += 4) {
      if (old[from + 3] === 0) continue
      let slot = 4 * (hashOf(old[from]!, old[from + 1]!, old[from + 2]!) >>> this.#shift)
      while (slots[slot + 3] !== 0) slot = (slot + 4) & mask
      for (let i = 0; i < 4; i++) slots[slot + i] = old[from + i]!
    }
    this.#slots = slots
  }
}

/** Written, and never read, so that looking is not left out. */
export let touchedLast = 0

function hashOf(first: number, second: number, tag: number): number {
  let hash = Math.imul(first ^ seed, 0x9e3779b1)
  hash = Math.imul((hash ^ (hash >>> 15)) + second, 0x85ebca6b)
  hash = Math.imul((hash ^ (hash >>> 13)) + tag, 0x2c1b3c6d)
  return hash ^ (hash >>> 16)
}
