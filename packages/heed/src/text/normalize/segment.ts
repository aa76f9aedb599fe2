import { codePointAt, unitsBefore } from '../byte-alphabet.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import type { Rewriter } from '../steps/rewriter.js'
import { combiningClass } from '../unicode/index.js'
import { compose } from './composition.js'
import type { Decompositions } from './decomposition.js'

/** More marks in a row are sorted by counting. */
const mostInserted = 16
/** Room for more characters than these is given back. */
const mostKept = 1 << 12

/**
 * A part of a text in a normal form: its characters, and by how many characters of the text each moves on. 0:
 * it stands for one; 1: for none, and has the place of the one before; -n: for one, and the n after it are
 * gone. The places follow from these in the order that the characters have in the end, as in the package
 * `tokenizers`: marks that change places don't take theirs along.
 */
export class Segment {
  readonly #decompositions: Decompositions
  readonly #composes: boolean
  #points: Int32Array = new Int32Array(64)
  #changes: Int32Array = new Int32Array(64)
  #classes: Uint8Array = new Uint8Array(64)
  #length = 0
  #start = 0
  #end = 0

  constructor(decompositions: Decompositions, composes: boolean) {
    this.#decompositions = decompositions
    this.#composes = composes
  }

  /** Puts text[start, end) into the form. Returns whether anything changes. */
  read(text: string, start: number, end: number): boolean {
    this.#start = start
    this.#end = end
    this.#length = 0
    if (this.#points.length > mostKept) this.#resize(64)
    for (let at = start; at < end;) {
      const point = codePointAt(text, at, end)
      const decomposed = this.#decompositions.of(point)
      if (decomposed === undefined) this.#push(point, 0)
      else
        for (let i = 0; i < decomposed.length;) {
          const part = codePointAt(decomposed, i)
          this.#push(part, i === 0 ? 0 : 1)
          i += part > 0xffff ? 2 : 1
        }
      at += point > 0xffff ? 2 : 1
    }
    this.#sort()
    if (this.#composes) this.#compose()
    return this.#differs(text)
  }

  /** Writes the result. What is unchanged keeps its place without being written anew. */
  write(rewriter: Rewriter, input: NormalizedText): void {
    const { text, offset } = input
    const end = this.#end
    const after = (at: number): number => at + (at < end && codePointAt(text, at, end) > 0xffff ? 2 : 1)
    for (let i = 0, at = this.#start; i < this.#length; i++) {
      const point = this.#points[i]!
      const change = this.#changes[i]!
      if (change > 0) {
        if (at === 0) rewriter.putAt(String.fromCodePoint(point), offset, offset)
        else rewriter.putPoint(point, at - unitsBefore(text, at), at)
        continue
      }
      const next = after(at)
      if (codePointAt(text, at, end) === point) rewriter.keep(at, next)
      else rewriter.putPoint(point, at, next)
      at = next
      for (let removed = change; removed < 0; removed++) at = after(at)
    }
  }

  #differs(text: string): boolean {
    let at = this.#start
    for (let i = 0; i < this.#length; i++) {
      const point = this.#points[i]!
      if (this.#changes[i] !== 0 || codePointAt(text, at, this.#end) !== point) return true
      at += point > 0xffff ? 2 : 1
    }
    return at !== this.#end
  }

  #push(point: number, change: number): void {
    if (this.#length === this.#points.length) this.#resize(2 * this.#length)
    this.#points[this.#length] = point
    this.#changes[this.#length] = change
    this.#classes[this.#length++] = combiningClass(point)
  }

  #resize(size: number): void {
    const points = new Int32Array(size)
    const changes = new Int32Array(size)
    const classes = new Uint8Array(size)
    points.set(this.#points.subarray(0, this.#length))
    changes.set(this.#changes.subarray(0, this.#length))
    classes.set(this.#classes.subarray(0, this.#length))
    this.#points = points
    this.#changes = changes
    this.#classes = classes
  }

  /** Puts the marks between starters in the order of their classes; those of one class keep theirs. */
  #sort(): void {
    const classes = this.#classes
    for (let start = 0; start < this.#length; start++) {
      if (classes[start] === 0) continue
      let end = start + 1
      while (end < this.#length && classes[end] !== 0) end++
      if (end - start <= mostInserted) this.#insert(start, end)
      else this.#count(start, end)
      start = end
    }
  }

  #insert(start: number, end: number): void {
    const points = this.#points
    const changes = this.#changes
    const classes = this.#classes
    for (let i = start + 1; i < end; i++) {
      const point = points[i]!
      const change = changes[i]!
      const itsClass = classes[i]!
      let to = i
      for (; to > start && classes[to - 1]! > itsClass; to--) {
        points[to] = points[to - 1]!
        changes[to] = changes[to - 1]!
        classes[to] = classes[to - 1]!
      }
      points[to] = point
      changes[to] = change
      classes[to] = itsClass
    }
  }

  #count(start: number, end: number): void {
    const points = this.#points.slice(start, end)
    const changes = this.#changes.slice(start, end)
    const classes = this.#classes.slice(start, end)
    const places = new Int32Array(257)
    for (const one of classes) places[one + 1]!++
    for (let i = 0; i < 256; i++) places[i + 1]! += places[i]!
    for (let i = 0; i < points.length; i++) {
      const to = start + places[classes[i]!]!++
      this.#points[to] = points[i]!
      this.#changes[to] = changes[i]!
      this.#classes[to] = classes[i]!
    }
  }

  /** Joins each character to the last starter, unless one of its own class or a starter stands between. */
  #compose(): void {
    const points = this.#points
    const changes = this.#changes
    const classes = this.#classes
    let starter = -1
    let last = -1
    let length = 0
    for (let i = 0; i < this.#length; i++) {
      const itsClass = classes[i]!
      if (starter >= 0 && last < itsClass) {
        const composed = compose(points[starter]!, points[i]!)
        if (composed >= 0) {
          points[starter] = composed
          changes[starter]! += changes[i]! - 1
          continue
        }
      }
      if (itsClass === 0) {
        starter = length
        last = -1
      } else if (starter >= 0) last = itsClass
      points[length] = points[i]!
      changes[length] = changes[i]!
      classes[length++] = itsClass
    }
    this.#length = length
  }
}
