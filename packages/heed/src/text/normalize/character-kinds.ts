import { codePointAt } from '../byte-alphabet.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import { Rewriter } from '../steps/rewriter.js'

/** What becomes of a character. */
export type Kind = 0 | 1 | 2 | 3 | 4

/** It stays. */
export const kept = 0
/** It is left out. */
export const dropped = 1
/** It becomes a space. */
export const space = 2
/** It becomes what `replacement` says. */
export const replaced = 3
/** The text has to be gone through in another way. */
export const difficult = 4

/** What becomes of each character, tabulated by pages of 256 when the first of a page is met. */
export class CharacterKinds {
  readonly #kindOf: (point: number) => Kind
  readonly #replacement: (point: number) => string
  readonly #pages: (Uint8Array | undefined)[] = []
  readonly #replacements = new Map<number, string>()

  constructor(kindOf: (point: number) => Kind, replacement: (point: number) => string = () => '') {
    this.#kindOf = kindOf
    this.#replacement = replacement
  }

  /** Writes a text anew, character by character; undefined where it has a difficult one. */
  rewrite(input: NormalizedText): NormalizedText | undefined {
    const { text } = input
    const pages = this.#pages
    let page = pages[0] ?? this.#build(0)
    let pageNumber = 0
    let rewriter: Rewriter | undefined
    let done = 0
    for (let at = 0; at < text.length;) {
      let point = text.charCodeAt(at)
      let next = at + 1
      if ((point & 0xf800) === 0xd800) {
        point = codePointAt(text, at)
        if (point > 0xffff) next++
      }
      if (point >> 8 !== pageNumber) {
        pageNumber = point >> 8
        page = pages[pageNumber] ?? this.#build(pageNumber)
      }
      const kind = page[point & 255]!
      if (kind !== kept) {
        if (kind === difficult) return undefined
        rewriter ??= new Rewriter(input)
        rewriter.keep(done, at)
        if (kind === space) rewriter.putPoint(0x20, at, next)
        else if (kind === replaced) rewriter.put(this.#replacementOf(point), at, next)
        else rewriter.put('', at, next)
        done = next
      }
      at = next
    }
    if (rewriter === undefined) return input
    rewriter.keep(done, text.length)
    return rewriter.finish()
  }

  #replacementOf(point: number): string {
    let text = this.#replacements.get(point)
    if (text === undefined) this.#replacements.set(point, (text = this.#replacement(point)))
    return text
  }

  #build(number: number): Uint8Array {
    const first = number * 256
    const page = Uint8Array.from({ length: 256 }, (_, low) => this.#kindOf(first + low))
    // Those where everything stays share one.
    return (this.#pages[number] = page.every((kind) => kind === kept) ? unchanged : page)
  }
}

const unchanged = new Uint8Array(256)
