import { codePointAt } from '../byte-alphabet.js'
import { FormatError, writeCodePoint } from '../../base/index.js'
import type { Component } from '../steps/component.js'
import { endOf, type NormalizedText, startOf } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter } from '../steps/rewriter.js'
import { graphemeEndOfUnicode17, standsAloneInUnicode17 } from '../unicode/index.js'
import { Charsmap } from './charsmap.js'

/** The rules of a SentencePiece model, as the package `tokenizers` follows them. */
export interface PrecompiledDefinition {
  readonly type: 'Precompiled'
  /** In Base64. */
  readonly precompiled_charsmap: string
}

export const precompiled: Component<PrecompiledDefinition, Normalizer> = {
  read(value) {
    const charsmap = value.member('precompiled_charsmap')
    try {
      Charsmap.read(charsmap.string())
    } catch (cause) {
      if (!(cause instanceof FormatError)) throw cause
      charsmap.refuse(cause.expected, { found: cause.found, cause })
    }
    return { type: 'Precompiled', precompiled_charsmap: charsmap.string() }
  },
  create({ precompiled_charsmap }) {
    const precompiler = new Precompiler(Charsmap.read(precompiled_charsmap))
    return (input) => precompiler.apply(input)
  },
}

/** A grapheme cluster of so many bytes goes character by character. */
const bytesOfLongCluster = 6
/** A character that joins none of its neighbours, if they are so too. */
const alone = 1
/** One that has no rule beside. */
const settled = 3

class Precompiler {
  readonly #charsmap: Charsmap
  /** 256 characters a page: how each stands beside others. */
  readonly #pages: (Uint8Array | undefined)[] = []
  readonly #bytes = new Uint8Array(bytesOfLongCluster + 3)

  constructor(charsmap: Charsmap) {
    this.#charsmap = charsmap
  }

  apply(input: NormalizedText): NormalizedText {
    const removed = this.#removedInFront(input.text)
    if (removed.end === 0) return this.#rewrite(input, 0)
    return this.#rewrite(withoutFront(input, removed.end), removed.clusterEnd - removed.end)
  }

  /** How much is left out before anything is written, and where the cluster ends in which that stops. */
  #removedInFront(text: string): { readonly end: number; readonly clusterEnd: number } {
    let at = 0
    while (at < text.length) {
      const clusterEnd = graphemeEndOfUnicode17(text, at, text.length)
      const whole = this.#ofCluster(text, at, clusterEnd)
      if (whole >= 0) {
        if (this.#charsmap.textAt(whole) !== '') break
        at = clusterEnd
        continue
      }
      while (at < clusterEnd) {
        const point = codePointAt(text, at, clusterEnd)
        const place = this.#charsmap.ofCharacter(point)
        if (place < 0 || this.#charsmap.textAt(place) !== '') return { end: at, clusterEnd }
        at += point > 0xffff ? 2 : 1
      }
    }
    return { end: at, clusterEnd: at }
  }

  /** @param singles where the first cluster ends, if what is left of it goes character by character */
  #rewrite(input: NormalizedText, singles: number): NormalizedText {
    const { text } = input
    const pages = this.#pages
    let writer: ClusterWriter | undefined
    for (let at = 0; at < text.length;) {
      // Most characters stay and don't join what is beside them.
      if (at >= singles) {
        let unit = text.charCodeAt(at)
        let flags = (pages[unit >> 8] ?? this.#build(unit >> 8))[unit & 255]!
        while (flags === settled) {
          if (++at === text.length) break
          unit = text.charCodeAt(at)
          flags = (pages[unit >> 8] ?? this.#build(unit >> 8))[unit & 255]!
          if ((flags & alone) === 0) {
            at--
            break
          }
        }
        if (at === text.length) break
      }
      const end = at < singles ? singles : graphemeEndOfUnicode17(text, at, text.length)
      const whole = at < singles ? -1 : this.#ofCluster(text, at, end)
      if (whole >= 0) {
        writer ??= new ClusterWriter(input)
        writer.replace(at, end, this.#charsmap.textAt(whole))
        at = end
        continue
      }
      while (at < end) {
        const point = codePointAt(text, at, end)
        const next = at + (point > 0xffff ? 2 : 1)
        const place = this.#charsmap.ofCharacter(point)
        if (place >= 0) {
          writer ??= new ClusterWriter(input)
          writer.replace(at, next, this.#charsmap.textAt(place))
        }
        at = next
      }
    }
    return writer === undefined ? input : writer.finish()
  }

  #build(number: number): Uint8Array {
    const flags = Uint8Array.from({ length: 256 }, (_, low) => {
      const point = number * 256 + low
      if ((point & 0xf800) === 0xd800 || !standsAloneInUnicode17(point)) return 0
      return this.#charsmap.ofCharacter(point) < 0 ? settled : alone
    })
    return (this.#pages[number] = flags)
  }

  /** Where the text is that a short cluster of several characters becomes as a whole; -1: there is none. */
  #ofCluster(text: string, start: number, end: number): number {
    if (end - start === 1 || end - start >= bytesOfLongCluster) return -1
    const bytes = this.#bytes
    let length = 0
    for (let at = start; at < end;) {
      const point = codePointAt(text, at, end)
      length = writeCodePoint(point, bytes, length)
      if (length >= bytesOfLongCluster) return -1
      at += point > 0xffff ? 2 : 1
    }
    return this.#charsmap.find(bytes, length)
  }
}

/**
 * Writes what clusters become. Of several characters that become several, each has the place of the one that
 * it stands for, the first of both for the first; where there are more of the new ones, the last have the
 * place of the last old one. One exception of the package is kept: where characters are left out after such a
 * growth, the last new one has the place of the first that is left out.
 */
class ClusterWriter {
  readonly #input: NormalizedText
  readonly #rewriter: Rewriter
  #done = 0
  /** The last character of a growth, not written yet, and its place in the input. */
  #held = ''
  #heldStart = 0
  #heldEnd = 0

  constructor(input: NormalizedText) {
    this.#input = input
    this.#rewriter = new Rewriter(input)
  }

  replace(start: number, end: number, by: string): void {
    const { text } = this.#input
    if (by === '' && this.#held !== '' && start === this.#done) {
      this.#heldStart = start
      this.#heldEnd = start + (codePointAt(text, start, end) > 0xffff ? 2 : 1)
    }
    this.#keepUntil(start)
    this.#done = end
    let from = start
    let to = start
    for (let i = 0; i < by.length;) {
      const units = codePointAt(by, i) > 0xffff ? 2 : 1
      const one = by.slice(i, i + units)
      i += units
      const grows = to === end
      if (!grows) {
        from = to
        to += codePointAt(text, to, end) > 0xffff ? 2 : 1
      }
      if (grows && i === by.length) {
        this.#held = one
        this.#heldStart = from
        this.#heldEnd = to
      } else this.#rewriter.put(one, from, to)
    }
    if (by === '') this.#rewriter.put('', start, end)
  }

  finish(): NormalizedText {
    this.#keepUntil(this.#input.text.length)
    return this.#rewriter.finish()
  }

  #keepUntil(start: number): void {
    if (this.#held !== '') this.#rewriter.put(this.#held, this.#heldStart, this.#heldEnd)
    this.#held = ''
    this.#rewriter.keep(this.#done, start)
  }
}

/**
 * A text without its first code units, in which each character has the place of one so many characters
 * before: what is left out in front is not counted by the package, so everything after it shifts.
 */
function withoutFront(input: NormalizedText, front: number): NormalizedText {
  const { text } = input
  const starts = new Int32Array(text.length - front)
  const ends = new Int32Array(text.length - front)
  for (let at = front, from = 0; at < text.length;) {
    const units = codePointAt(text, at) > 0xffff ? 2 : 1
    const to = from + (codePointAt(text, from) > 0xffff ? 2 : 1)
    starts.fill(startOf(input, from), at - front, at - front + units)
    ends.fill(endOf(input, to), at - front, at - front + units)
    from = to
    at += units
  }
  return { text: text.slice(front), offset: input.offset, starts, ends }
}
