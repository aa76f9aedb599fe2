import { FormatError, writeCodePoint } from '../../base/index.js'

/**
 * The rules of SentencePiece's normalization, as its models hold them: four bytes for the size of a
 * double-array trie in bytes, the trie, and the texts that its keys become, each with a 0 at its end.
 *
 * The trie is that of Darts-clone: units of 32 bits. A unit's low byte (with bit 31) is its label; bits 10 to
 * 30, shifted left by 8 more where bit 9 is set, are what leads to its children; bit 8 says that a key ends
 * there, whose unit holds the value.
 */
export class Charsmap {
  /** Where the key ends that `findLongest` found. */
  end = 0
  readonly #units: Uint32Array
  readonly #texts: Uint8Array
  /** 256 of what `ofCharacter` gives, a page. */
  readonly #pages: (Int32Array | undefined)[] = []
  readonly #known = new Map<number, string>()

  private constructor(units: Uint32Array, texts: Uint8Array) {
    this.#units = units
    this.#texts = texts
  }

  /**
   * Reads a charsmap in Base64.
   *
   * @throws FormatError for anything else, and for a trie or a value that points outside
   */
  static read(base64: string): Charsmap {
    const bytes = decodeBase64(base64)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const size = bytes.length < 4 ? 0 : view.getUint32(0, true)
    if (size === 0 || size % 4 !== 0 || size > bytes.length - 4)
      refuse('the rules of SentencePiece: a trie and texts', `${bytes.length} bytes`)
    const units = new Uint32Array(size / 4)
    for (let i = 0; i < units.length; i++) units[i] = view.getUint32(4 + 4 * i, true)
    const texts = bytes.subarray(4 + size)
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(texts)
    } catch {
      refuse('texts in UTF-8', 'other bytes')
    }
    checkTrie(units, texts)
    return new Charsmap(units, texts)
  }

  /** Where the text is that a character becomes; -1: it stays. */
  ofCharacter(point: number): number {
    return (this.#pages[point >> 8] ?? this.#build(point >> 8))[point & 255]!
  }

  /** Where the text is that the shortest key becomes which some bytes begin with; -1: there is none. */
  find(bytes: Uint8Array, length: number): number {
    const units = this.#units
    let at = childrenOf(units[0]!)
    for (let i = 0; i < length; i++) {
      const byte = bytes[i]!
      if (byte === 0) return -1
      at ^= byte
      const unit = units[at]!
      if ((unit & 0x800000ff) !== byte) return -1
      at ^= childrenOf(unit)
      if ((unit & 0x100) !== 0) return units[at]! & 0x7fffffff
    }
    return -1
  }

  /**
   * The same for the longest key that `bytes` goes on with at a place; where it ends is in `end`.
   */
  findLongest(bytes: Uint8Array, from: number, length: number): number {
    const units = this.#units
    let place = -1
    let at = childrenOf(units[0]!)
    for (let i = from; i < length; i++) {
      const byte = bytes[i]!
      if (byte === 0) break
      at ^= byte
      const unit = units[at]!
      if ((unit & 0x800000ff) !== byte) break
      at ^= childrenOf(unit)
      if ((unit & 0x100) === 0) continue
      place = units[at]! & 0x7fffffff
      this.end = i + 1
    }
    return place
  }

  /** The text at a place that `find`, `findLongest` or `ofCharacter` gave. */
  textAt(place: number): string {
    const known = this.#known.get(place)
    if (known !== undefined) return known
    const end = this.#texts.indexOf(0, place)
    const bytes = this.#texts.subarray(place, end < 0 ? undefined : end)
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    if (this.#known.size < mostKnown) this.#known.set(place, text)
    return text
  }

  #build(number: number): Int32Array {
    const bytes = new Uint8Array(4)
    const page = Int32Array.from({ length: 256 }, (_, low) =>
      this.find(bytes, writeCodePoint(number * 256 + low, bytes, 0)),
    )
    // Most have no rule at all, and share one.
    return (this.#pages[number] = page.every((place) => place < 0) ? withoutRules : page)
  }
}

/** A page of characters that all stay. */
const withoutRules = new Int32Array(256).fill(-1)
/** What a key becomes has at most so many bytes; those of SentencePiece have 33. */
const longestText = 1000
/** How many texts are kept as strings. */
const mostKnown = 1 << 14

function lengthAt(texts: Uint8Array, place: number): number {
  const end = texts.subarray(place, place + longestText + 1).indexOf(0)
  return end < 0 ? Math.min(texts.length - place, longestText + 1) : end
}

function childrenOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}

/**
 * Checks each unit that is reached from the first: units are grouped by where their parent would have to
 * lead, so each is looked at once, whatever the trie holds.
 */
function checkTrie(units: Uint32Array, texts: Uint8Array): void {
  const outside = (): never => refuse('a trie', 'one that points outside')
  const count = units.length
  const firstOf = new Int32Array(count + 256).fill(-1)
  const nextOf = new Int32Array(count)
  for (let at = 0; at < count; at++) {
    const unit = units[at]!
    if (unit >>> 31 === 1) continue
    const base = at ^ (unit & 0xff)
    nextOf[at] = firstOf[base]!
    firstOf[base] = at
  }
  const pending = [childrenOf(units[0]!)]
  for (let base = pending.pop(); base !== undefined; base = pending.pop()) {
    if ((base | 0xff) >= count) outside()
    const first = firstOf[base]!
    firstOf[base] = -1
    for (let at = first; at >= 0; at = nextOf[at]!) {
      const unit = units[at]!
      // No key has a byte 0: there the values are.
      if ((unit & 0xff) === 0) continue
      const children = at ^ childrenOf(unit)
      if ((children | 0xff) >= count) outside()
      if ((unit & 0x100) !== 0) {
        const place = units[children]! & 0x7fffffff
        if (place > texts.length || (texts[place]! & 0xc0) === 0x80) outside()
        if (lengthAt(texts, place) > longestText)
          refuse(`texts of at most ${longestText} bytes`, 'a longer one')
      }
      pending.push(children)
    }
  }
}

function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) refuse('Base64', 'other characters')
  const characters = atob(text)
  const bytes = new Uint8Array(characters.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
  return bytes
}

function refuse(expected: string, found: string): never {
  throw new FormatError({ operation: 'Precompiled', expected, found, hint: 'fetch the file again' })
}
