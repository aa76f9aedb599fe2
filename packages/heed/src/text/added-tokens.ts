import { FormatError, UsageError } from '../base/index.js'
import { codePointAt, unitsBefore } from './byte-alphabet.js'
import { whiteSpace, wordCharacter } from './unicode/index.js'
import { PairTable } from './pair-table.js'

/** A token that is looked for in the text as it stands, before the text is split into words. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Not found inside of a longer word. */
  readonly single_word: boolean
  /** Takes the white space before it along. */
  readonly lstrip: boolean
  /** Takes the white space after it along. */
  readonly rstrip: boolean
  /** Looked for in the normalized text rather than the original. */
  readonly normalized: boolean
  /** Marks up the text: left out by `decode` where `skipSpecial` is set. */
  readonly special: boolean
}

/** A special token without flags, changed as asked. */
export function addedToken(id: number, content: string, changes: Partial<AddedToken> = {}): AddedToken {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    ...changes,
  }
}

/**
 * How often each character of a text may be looked at for an added token, in all. Tokens that begin alike may
 * be long, but not so long and so alike that a text takes its length squared.
 */
const stepsPerCharacter = 32

/** Finds added tokens in a text: the leftmost, of those the longest, none overlapping. */
export class AddedTokenMatcher {
  /** The tokens' characters as a tree: node and code unit → node. The root is 0. */
  readonly #nodes = new PairTable(256)
  /** By node, the token that ends there. */
  readonly #tokens: (AddedToken | undefined)[] = [undefined]
  /** Which code units some token begins with. */
  readonly #first: Uint8Array
  readonly isEmpty: boolean
  /** How long the text was that `#longestAt` found. */
  #length = 0
  #steps = 0

  /**
   * @param entries each token with the text to look for
   * @throws FormatError where two have the same
   */
  constructor(entries: Iterable<readonly [string, AddedToken]>) {
    const list = [...entries].filter(([content]) => content !== '')
    this.#first = new Uint8Array(list.length === 0 ? 0 : 1 << 16)
    for (const [content, token] of list) {
      this.#first[content.charCodeAt(0)] = 1
      let node = 0
      for (let i = 0; i < content.length; i++) {
        const unit = content.charCodeAt(i)
        let child = this.#nodes.get(node, unit)
        if (child < 0) {
          child = this.#tokens.push(undefined) - 1
          this.#nodes.set(node, unit, child)
        }
        node = child
      }
      const other = this.#tokens[node]
      if (other !== undefined) {
        throw new FormatError({
          operation: 'loadTokenizer',
          expected: 'added tokens that differ',
          found: `'${other.content}' and '${token.content}', which read alike once normalized`,
          hint: 'remove one of them, or set normalized to false',
        })
      }
      this.#tokens[node] = token
    }
    this.isEmpty = this.#tokens.length === 1
  }

  /**
   * Cuts a text into added tokens and what lies between, in order, and hands over each as [start, end). A
   * token may overlap with white space that the one before took along. `allowsSpecial` false takes special
   * tokens as ordinary text.
   */
  split(
    text: string,
    allowsSpecial: boolean,
    found: (start: number, end: number, token: AddedToken | undefined) => void,
  ): void {
    const { length } = text
    let last = 0
    let runStart = -1
    let runEnd = -1
    this.#steps = 2 ** 16 + stepsPerCharacter * length
    for (let at = this.isEmpty ? length : this.#next(text, 0); at < length;) {
      const token = this.#longestAt(text, at)
      if (token === undefined) {
        at = this.#next(text, at + 1)
        continue
      }
      let start = at
      let end = at + this.#length
      at = end
      const isFound =
        (allowsSpecial || !token.special) &&
        !(token.single_word && (hasWordBefore(text, start) || hasWordAfter(text, end)))
      if (isFound) {
        // White space that a token took along is searched all the same: a token that begins with it follows.
        if (token.rstrip) {
          // In the white space that was looked at last its end is known.
          if (end < runStart || end > runEnd) {
            runStart = end
            runEnd = whiteSpace.endOfRun(text, end, length)
          }
          end = runEnd
        }
        if (token.lstrip) {
          while (start > last && whiteSpace.has(text.charCodeAt(start - 1))) start--
          if (start < last) start = last
        }
      }
      // Nothing of it is left where all its white space was taken along before.
      if (isFound && start < end) {
        if (last < start) found(last, start, undefined)
        found(start, end, token)
        last = end
      }
      at = this.#next(text, at)
    }
    if (last < length) found(last, length, undefined)
  }

  /** The next place, from `at` on, where a token may begin. */
  #next(text: string, at: number): number {
    const first = this.#first
    const { length } = text
    while (at < length && first[text.charCodeAt(at)] === 0) at++
    return at
  }

  #longestAt(text: string, start: number): AddedToken | undefined {
    let node = this.#nodes.get(0, text.charCodeAt(start))
    if (node < 0) return undefined
    let longest: AddedToken | undefined
    let at = start + 1
    for (; node >= 0; at++) {
      const token = this.#tokens[node]
      if (token !== undefined) {
        longest = token
        this.#length = at - start
      }
      if (at >= text.length) break
      node = this.#nodes.get(node, text.charCodeAt(at))
    }
    this.#steps -= at - start
    if (this.#steps < 0)
      throw new UsageError({
        operation: 'encode',
        expected: `added tokens that are looked for in ${stepsPerCharacter} steps a character`,
        found: `more at ${start} of a text of ${text.length}`,
        hint: 'split the text before, or remove long added tokens that begin alike',
      })
    return longest
  }
}

function hasWordBefore(text: string, at: number): boolean {
  return at > 0 && wordCharacter.has(codePointAt(text, at - unitsBefore(text, at)))
}

function hasWordAfter(text: string, at: number): boolean {
  return at < text.length && wordCharacter.has(codePointAt(text, at))
}
