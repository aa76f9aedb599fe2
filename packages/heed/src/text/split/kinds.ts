import { codePointAt } from '../byte-alphabet.js'
import { Bounds, type Pieces, type Splitter } from '../steps/pieces.js'
import { spelledOut } from './spelled-out.js'

/** What a character does to the piece that it stands in. */
export type Kind = 0 | 1 | 2 | 3 | 4 | 5

/** Belongs to a piece with its neighbours of the same kind. */
export const plain = 0
/** Belongs to a piece with its neighbours of the same kind. */
export const other = 1
/** Is left out, and ends the piece before. */
export const removed = 2
/** Is a piece of its own. */
export const isolated = 3
/** Is the last one of its piece. */
export const last = 4
/** Is the first one of its piece, and goes with plain ones after it. */
export const first = 5

/**
 * A number for each character, tabulated by pages of 256 characters when the first of a page is asked for.
 */
export class CharacterKinds {
  /** Of the characters of ASCII. */
  readonly ascii: Uint8Array = new Uint8Array(128)
  readonly #kindOf: (codePoint: number) => number
  readonly #pages: (Uint8Array | undefined)[] = []

  /** @param kindOf a number from 0 to 255 */
  constructor(kindOf: (codePoint: number) => number) {
    this.#kindOf = kindOf
    this.ascii.forEach((_, codePoint) => (this.ascii[codePoint] = kindOf(codePoint)))
  }

  of(codePoint: number): number {
    return (this.#pages[codePoint >> 8] ?? this.#page(codePoint >> 8))[codePoint & 255]!
  }

  #page(number: number): Uint8Array {
    const kinds = Uint8Array.from({ length: 256 }, (_, low) => this.#kindOf(256 * number + low))
    return (this.#pages[number] = kinds)
  }
}

/** Cuts pieces where the kinds of their characters say so. */
export function splitterByKind(kindOf: (codePoint: number) => Kind): Splitter {
  const kinds = new CharacterKinds(kindOf)
  return (input) => {
    const pieces = spelledOut(input)
    return { ...pieces, bounds: cutByKind(pieces, kinds) }
  }
}

function cutByKind({ text, bounds }: Pieces, kinds: CharacterKinds): Int32Array {
  const found = new Bounds(16 + (text.length >> 2))
  const { ascii } = kinds
  for (let i = 0; i < bounds.length; i += 2) {
    const end = bounds[i + 1]!
    /** Where the piece begins that is still open, or -1, and its kind. */
    let open = -1
    let run = -1
    for (let at = bounds[i]!, next = at; at < end; at = next) {
      const unit = text.charCodeAt(at)
      next = at + 1
      let kind: number
      if (unit < 128) kind = ascii[unit]!
      else {
        const point = codePointAt(text, at, end)
        if (point > 0xffff) next++
        kind = kinds.of(point)
      }
      if (kind === run) continue
      if (kind === last) {
        found.push(open < 0 ? at : open, next)
        open = run = -1
        continue
      }
      if (open >= 0) found.push(open, at)
      open = run = -1
      if (kind === isolated) found.push(at, next)
      else if (kind !== removed) {
        open = at
        run = kind === first ? plain : kind
      }
    }
    if (open >= 0) found.push(open, end)
  }
  return found.take()
}
