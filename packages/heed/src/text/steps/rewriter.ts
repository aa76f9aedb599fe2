import { UsageError } from '../../base/index.js'
import { endOf, type NormalizedText, originalLength, sliceOf, startOf } from './normalized-text.js'

/** How much longer than the original a text may become: so many times, and so many code units. */
const mostGrowth = 20
const mostAdded = 1 << 20

/** Room that the next one may have. */
let spareUnits: Uint16Array | undefined
const spareLength = 1 << 12

/**
 * Writes a text anew from left to right: what stays is kept, what changes is put in its place, and what is
 * passed over is left out. Places are kept only where something moved.
 */
export class Rewriter {
  readonly #input: NormalizedText
  readonly #text: string
  /** The input is the same so far: nothing is written yet. */
  #kept = 0
  #units: Uint16Array | undefined
  #starts: Int32Array | undefined
  #ends: Int32Array | undefined
  #length = 0

  constructor(input: NormalizedText) {
    this.#input = input
    this.#text = input.text
  }

  /** Copies [start, end) of the input, which isn't before what was kept already. */
  keep(start: number, end: number): void {
    if (start >= end) return
    if (this.#units === undefined) {
      if (start === this.#kept) {
        this.#kept = end
        return
      }
      this.#begin()
    }
    this.#copy(start, end)
  }

  /** Writes `text`, whose every code unit comes from where [start, end) of the input does, end > start. */
  put(text: string, start: number, end: number): void {
    if (text.length === 1 && end - start === 1) this.putPoint(text.charCodeAt(0), start, end)
    else this.putAt(text, startOf(this.#input, start), endOf(this.#input, end))
  }

  /** The same for one character. */
  putPoint(point: number, start: number, end: number): void {
    const units = this.#room(2)
    const length = this.#length
    // One code unit for one, at the same distance from the beginning: the places stay as they are.
    if (this.#starts !== undefined || point > 0xffff || start !== length || end - start !== 1) {
      this.#move(2)
      const from = startOf(this.#input, start)
      const to = endOf(this.#input, end)
      this.#starts![length] = from
      this.#ends![length] = to
      if (point > 0xffff) {
        this.#starts![length + 1] = from
        this.#ends![length + 1] = to
      }
    }
    if (point > 0xffff) {
      units[length] = 0xd7c0 + (point >> 10)
      units[length + 1] = 0xdc00 + (point & 0x3ff)
      this.#length = length + 2
    } else {
      units[length] = point
      this.#length = length + 1
    }
  }

  /** Writes `text`, whose every code unit comes from [start, end) of the original. */
  putAt(text: string, start: number, end: number): void {
    const units = this.#room(text.length)
    if (text === '') return
    this.#move(text.length)
    for (let i = 0, to = this.#length; i < text.length; i++, to++) {
      units[to] = text.charCodeAt(i)
      this.#starts![to] = start
      this.#ends![to] = end
    }
    this.#length += text.length
  }

  finish(): NormalizedText {
    if (this.#units === undefined) return sliceOf(this.#input, 0, this.#kept)
    const length = this.#length
    const text = textOf(this.#units, length)
    if (this.#units.length === spareLength) spareUnits = this.#units
    const { offset } = this.#input
    if (this.#starts === undefined || this.#ends === undefined) return { text, offset }
    return { text, offset, starts: this.#starts.subarray(0, length), ends: this.#ends.subarray(0, length) }
  }

  /** Writes what was the same so far. */
  #begin(): void {
    const needed = this.#text.length + 16
    this.#units =
      needed > spareLength ? new Uint16Array(needed) : (spareUnits ?? new Uint16Array(spareLength))
    spareUnits = undefined
    if (this.#input.starts !== undefined) {
      this.#starts = new Int32Array(needed)
      this.#ends = new Int32Array(needed)
    }
    this.#copy(0, this.#kept)
  }

  #copy(start: number, end: number): void {
    const units = this.#room(end - start)
    const text = this.#text
    const length = this.#length
    if (start !== length) this.#move(end - start)
    for (let from = start, to = length; from < end;) units[to++] = text.charCodeAt(from++)
    const starts = this.#starts
    const ends = this.#ends
    if (starts !== undefined && ends !== undefined) {
      const { starts: oldStarts, ends: oldEnds, offset } = this.#input
      if (oldStarts === undefined || oldEnds === undefined)
        for (let from = start + offset, to = length; from < end + offset; to++) {
          starts[to] = from
          ends[to] = ++from
        }
      else
        for (let from = start, to = length; from < end; from++, to++) {
          starts[to] = oldStarts[from]!
          ends[to] = oldEnds[from]!
        }
    }
    this.#length = length + end - start
  }

  /** From here on each code unit's place is written down. */
  #move(more: number): void {
    if (this.#starts !== undefined) return
    const { offset } = this.#input
    const size = Math.max(this.#text.length + 16, this.#length + more)
    this.#starts = new Int32Array(size)
    this.#ends = new Int32Array(size)
    for (let i = 0; i < this.#length; i++) {
      this.#starts[i] = offset + i
      this.#ends[i] = offset + i + 1
    }
  }

  /** The units, with room for so many more. */
  #room(more: number): Uint16Array {
    if (this.#units === undefined) this.#begin()
    const needed = this.#length + more
    if (needed > this.#units!.length || (this.#starts !== undefined && needed > this.#starts.length))
      this.#grow(needed)
    return this.#units!
  }

  #grow(needed: number): void {
    const most = mostGrowth * originalLength(this.#input) + mostAdded
    if (needed > most)
      throw new UsageError({
        operation: 'normalize',
        expected: `a text that becomes at most ${most} code units long`,
        found: 'a longer one',
        hint: "change the tokenizer's normalizer, or shorten the text",
      })
    const size = Math.min(2 * needed, most)
    const units = new Uint16Array(size)
    units.set(this.#units!.subarray(0, this.#length))
    this.#units = units
    if (this.#starts === undefined) return
    const starts = new Int32Array(size)
    const ends = new Int32Array(size)
    starts.set(this.#starts.subarray(0, this.#length))
    ends.set(this.#ends!.subarray(0, this.#length))
    this.#starts = starts
    this.#ends = ends
  }
}

const decoder = new TextDecoder('utf-16le', { ignoreBOM: true })
/** Shorter texts are made without the decoder. */
const shortest = 512

/** A text with one code unit in the place of another; neither is a surrogate. Nothing else changes. */
export function withUnitReplaced(text: string, from: number, to: number): string {
  let at = 0
  while (at < text.length && text.charCodeAt(at) !== from) at++
  if (at === text.length) return text
  const units = roomFor(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    units[i] = unit === from ? to : unit
  }
  return textOf(units, text.length)
}

/** A text of ASCII with each code unit replaced by that of a table. */
export function withAsciiReplaced(text: string, by: Uint16Array): string {
  const units = roomFor(text.length)
  for (let i = 0; i < text.length; i++) units[i] = by[text.charCodeAt(i)]!
  return textOf(units, text.length)
}

function roomFor(length: number): Uint16Array {
  return length > spareLength ? new Uint16Array(length) : (spareUnits ??= new Uint16Array(spareLength))
}

/** Code units as a string; a lone surrogate may become U+FFFD. */
function textOf(units: Uint16Array, length: number): string {
  const written = units.subarray(0, length)
  return length < shortest
    ? String.fromCharCode.apply(null, written as unknown as number[])
    : decoder.decode(written)
}
