import { FormatError } from '../base/index.js'
import { codePointAt, unitsBefore } from './byte-alphabet.js'
import { whiteSpace, wordCharacter } from './character-class.js'

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

interface TrieNode {
  readonly children: Map<number, TrieNode>
  token: AddedToken | undefined
}

/** Finds added tokens in a text: the leftmost, of those the longest, none overlapping. */
export class AddedTokenMatcher {
  private readonly root: TrieNode = { children: new Map(), token: undefined }
  readonly isEmpty: boolean

  /** Each token with the text to look for. Throws a FormatError where two have the same. */
  constructor(entries: Iterable<readonly [string, AddedToken]>) {
    let isEmpty = true
    for (const [content, token] of entries) {
      let node = this.root
      for (let i = 0; i < content.length; i++) {
        const unit = content.charCodeAt(i)
        let child = node.children.get(unit)
        if (child === undefined) node.children.set(unit, (child = { children: new Map(), token: undefined }))
        node = child
      }
      if (node.token !== undefined) {
        throw new FormatError({
          operation: 'loadTokenizer',
          expected: 'added tokens that differ',
          found: `'${node.token.content}' and '${token.content}', which read alike once normalized`,
          hint: 'remove one of them, or set normalized to false',
        })
      }
      node.token = token
      isEmpty = false
    }
    this.isEmpty = isEmpty
  }

  /**
   * Cuts a text into added tokens and what lies between, in order, and hands over each as [start, end). White space
   * that a token took along isn't searched again.
   * `matchSpecial` false takes special tokens as ordinary text.
   */
  split(
    text: string,
    matchSpecial: boolean,
    found: (start: number, end: number, token: AddedToken | undefined) => void,
  ): void {
    let last = 0
    for (let at = 0; at < text.length && !this.isEmpty;) {
      const token = this.longestAt(text, at)
      if (token === undefined) {
        at++
        continue
      }
      let start = at
      let end = at + this.length
      at = end
      if (token.special && !matchSpecial) continue
      if (token.single_word && (hasWordBefore(text, start) || hasWordAfter(text, end))) continue
      if (token.lstrip) {
        while (start > last && whiteSpace.has(text.charCodeAt(start - 1))) start--
      }
      if (token.rstrip) at = end = whiteSpace.endOfRun(text, end, text.length)
      if (last < start) found(last, start, undefined)
      found(start, end, token)
      last = end
    }
    if (last < text.length) found(last, text.length, undefined)
  }

  /** How long the text was that `longestAt` found. */
  private length = 0

  private longestAt(text: string, start: number): AddedToken | undefined {
    let node = this.root.children.get(text.charCodeAt(start))
    let longest: AddedToken | undefined
    for (let at = start + 1; node !== undefined; at++) {
      if (node.token !== undefined) {
        longest = node.token
        this.length = at - start
      }
      if (at >= text.length) break
      node = node.children.get(text.charCodeAt(at))
    }
    return longest
  }
}

function hasWordBefore(text: string, at: number): boolean {
  return at > 0 && wordCharacter.has(codePointAt(text, at - unitsBefore(text, at)))
}

function hasWordAfter(text: string, at: number): boolean {
  return at < text.length && wordCharacter.has(codePointAt(text, at))
}
