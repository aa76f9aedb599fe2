import { FormatError } from '../../base/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'

/**
 * A longer piece, in bytes of UTF-8, is refused: the time of a text grows with its length times that of the
 * longest piece.
 */
export const longestPiece = 512

/** Tables begin elsewhere in each process, so that no file can be made for long searches. */
const seed = (Math.random() * 2 ** 32) | 0

/**
 * Pieces by their bytes of UTF-8, as a tree whose edges have one byte or more (a radix tree): two nodes a
 * piece at the most. Edges are in a hash table by node and first byte, those of the root in a list.
 */
export class PieceTrie {
  /** Of the pieces that `findAll` found: where each ends, and its number. */
  readonly ends: Int32Array
  readonly numbers: Int32Array
  /** Where the piece that `findLongest` found ends. */
  end = 0
  /**
   * Four numbers for each node, next to each other in memory: where the label of the edge to it begins, how
   * long that is, and the number of the piece that ends here, or −1.
   */
  #nodes = new Int32Array(4096)
  #labels = new Uint8Array(4096)
  #labelled = 0
  #size = 1
  /** First byte → node. 0: there is none. */
  readonly #root = new Int32Array(256)
  /** Pairs: 256 × node + first byte, and the child. 0: the pair is free. */
  #slots = new Int32Array(2048)
  #shift = 22

  /** @param longest of the pieces, in bytes */
  constructor(longest: number) {
    this.ends = new Int32Array(longest)
    this.numbers = new Int32Array(longest)
  }

  /**
   * The tokens of a vocabulary that begin with `prefix`, without it, by number: their ids.
   *
   * @param longest longer ones can't be met, and are left out
   * @param isLeftOut whether an id is none of them
   * @throws FormatError for a token that is longer than pieces may be
   */
  static of(
    vocabulary: Vocabulary,
    prefix: Uint8Array,
    longest: number,
    isLeftOut: (id: number) => boolean = () => false,
  ): PieceTrie {
    const { bytes, size } = vocabulary
    const skipped = prefix.length
    const trie = new PieceTrie(Math.min(longest, longestPiece, vocabulary.longest))
    for (let place = 0; place < size; place++) {
      const start = vocabulary.startAt(place)
      const end = vocabulary.startAt(place + 1)
      const length = end - start - skipped
      if (length <= 0 || length > longest || isLeftOut(vocabulary.idAt(place))) continue
      let i = 0
      while (i < skipped && bytes[start + i] === prefix[i]) i++
      if (i < skipped) continue
      if (length > longestPiece) refuseLong(vocabulary.tokenAt(place), length)
      trie.#add(bytes, start + skipped, end, vocabulary.idAt(place))
    }
    return trie
  }

  /** Finds the pieces that `bytes` goes on with at a place, the shorter ones first, and answers how many. */
  findAll(bytes: Uint8Array, at: number, end: number): number {
    const nodes = this.#nodes
    const labels = this.#labels
    let node = at < end ? this.#root[bytes[at]!]! : 0
    let count = 0
    while (node !== 0) {
      const label = nodes[4 * node]!
      const length = nodes[4 * node + 1]!
      const number = nodes[4 * node + 2]!
      if (at + length > end) break
      let i = 1
      while (i < length && labels[label + i] === bytes[at + i]) i++
      if (i < length) break
      at += length
      if (number >= 0) {
        this.ends[count] = at
        this.numbers[count++] = number
      }
      if (at === end) break
      node = this.#child(node, bytes[at]!)
    }
    return count
  }

  /**
   * The number of the longest piece that `bytes` goes on with at a place, or −1; where it ends is in `end`.
   *
   * @param barred 1 for a number that doesn't count
   */
  findLongest(bytes: Uint8Array, at: number, end: number, barred: Uint8Array | undefined): number {
    const count = this.findAll(bytes, at, end)
    for (let i = count - 1; i >= 0; i--) {
      const number = this.numbers[i]!
      if (barred !== undefined && barred[number] === 1) continue
      this.end = this.ends[i]!
      return number
    }
    return -1
  }

  #add(bytes: Uint8Array, start: number, end: number, number: number): void {
    let node = 0
    let at = start
    while (at < end) {
      const child = node === 0 ? this.#root[bytes[at]!]! : this.#child(node, bytes[at]!)
      if (child === 0) {
        this.#grow(node, bytes, at, end, number)
        return
      }
      const label = this.#nodes[4 * child]!
      const length = this.#nodes[4 * child + 1]!
      const most = Math.min(length, end - at)
      let i = 1
      while (i < most && this.#labels[label + i] === bytes[at + i]) i++
      node = i === length ? child : this.#split(node, child, i)
      at += i
    }
    this.#nodes[4 * node + 2] = number
  }

  /** Makes a node below `node`, whose edge has the label bytes[start, end). */
  #grow(node: number, bytes: Uint8Array, start: number, end: number, number: number): void {
    const length = end - start
    if (this.#labelled + length > this.#labels.length) {
      const longer = new Uint8Array(2 * (this.#labelled + length))
      longer.set(this.#labels)
      this.#labels = longer
    }
    const labels = this.#labels
    const label = this.#labelled
    for (let i = 0; i < length; i++) labels[label + i] = bytes[start + i]!
    this.#labelled += length
    this.#attach(node, labels[label]!, this.#node(label, length, number))
  }

  /** Puts a node into the edge from `node` to `child`, behind `length` of its bytes. */
  #split(node: number, child: number, length: number): number {
    const nodes = this.#nodes
    const label = nodes[4 * child]!
    nodes[4 * child] = label + length
    nodes[4 * child + 1] = nodes[4 * child + 1]! - length
    const middle = this.#node(label, length, -1)
    this.#attach(node, this.#labels[label]!, middle)
    this.#attach(middle, this.#labels[label + length]!, child)
    return middle
  }

  #node(label: number, length: number, number: number): number {
    const node = this.#size++
    if (4 * node === this.#nodes.length) {
      const longer = new Int32Array(8 * node)
      longer.set(this.#nodes)
      this.#nodes = longer
    }
    this.#nodes[4 * node] = label
    this.#nodes[4 * node + 1] = length
    this.#nodes[4 * node + 2] = number
    return node
  }

  #attach(node: number, byte: number, child: number): void {
    if (node === 0) {
      this.#root[byte] = child
      return
    }
    if (3 * this.#size > this.#slots.length) this.#growSlots()
    const key = 256 * node + byte
    const slot = this.#slot(key)
    this.#slots[slot] = key
    this.#slots[slot + 1] = child
  }

  #child(node: number, byte: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    const key = 256 * node + byte
    for (let slot = 2 * (hashOf(key) >>> this.#shift); ; slot = (slot + 2) & mask) {
      const found = slots[slot]!
      if (found === key) return slots[slot + 1]!
      if (found === 0) return 0
    }
  }

  /** Where a key is in the table, or where it would go. */
  #slot(key: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = 2 * (hashOf(key) >>> this.#shift)
    while (slots[slot] !== key && slots[slot] !== 0) slot = (slot + 2) & mask
    return slot
  }

  #growSlots(): void {
    const old = this.#slots
    this.#slots = new Int32Array(2 * old.length)
    this.#shift--
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] === 0) continue
      const slot = this.#slot(old[i]!)
      this.#slots[slot] = old[i]!
      this.#slots[slot + 1] = old[i + 1]!
    }
  }
}

function hashOf(key: number): number {
  const hash = Math.imul(key ^ seed, 0x2c1b3c6d)
  return Math.imul(hash ^ (hash >>> 15), 0x297a2d39)
}

function refuseLong(token: string, length: number): never {
  throw new FormatError({
    operation: 'loadTokenizer',
    expected: `pieces of at most ${longestPiece} bytes`,
    found: `one of ${length}, '${token.slice(0, 60)}'…`,
    hint: 'take it out of the vocabulary, or make it an added token',
  })
}
