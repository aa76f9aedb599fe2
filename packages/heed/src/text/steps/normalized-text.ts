/**
 * A text that was made from another one, and remembers where each of its characters came from.
 *
 * Code unit i of `text` comes from [starts[i], ends[i]) of the original, in UTF-16 code units. Where both are
 * undefined, each comes from its own place: [offset + i, offset + i + 1). The two units of a character beyond
 * U+FFFF may have the place of a half each, or both that of the whole.
 */
export interface NormalizedText {
  readonly text: string
  /** Where the text begins in the original, if `starts` and `ends` are undefined. */
  readonly offset: number
  readonly starts?: Int32Array
  readonly ends?: Int32Array
}

/** Where the code unit `unit` of a text begins in the original. */
export function startOf({ starts, offset }: NormalizedText, unit: number): number {
  return starts === undefined ? offset + unit : starts[unit]!
}

/** Where the code unit before `unit` ends in the original. */
export function endOf({ ends, offset }: NormalizedText, unit: number): number {
  return ends === undefined ? offset + unit : ends[unit - 1]!
}

/** The part [start, end) of a text, with the same places in the original. */
export function sliceOf(input: NormalizedText, start: number, end: number): NormalizedText {
  const { text, starts, ends, offset } = input
  if (start === 0 && end === text.length) return input
  return starts === undefined || ends === undefined
    ? { text: text.slice(start, end), offset: offset + start }
    : {
        text: text.slice(start, end),
        offset,
        starts: starts.subarray(start, end),
        ends: ends.subarray(start, end),
      }
}

/**
 * Writes a text anew from left to right: what stays is kept, what changes is put in its place, and what is
 * passed over is left out. Places are kept only where something moved.
 */
export class Rewriter {
  readonly #input: NormalizedText
  readonly #parts: string[] = []
  /** How long the text is so far. */
  #length = 0
  /** What was kept last, not written yet: [from, to) of the input. */
  #from = 0
  #to = 0
  #starts: Int32Array | undefined
  #ends: Int32Array | undefined
  #changed = false

  constructor(input: NormalizedText) {
    this.#input = input
  }

  /** Copies [start, end) of the input, which isn't before what was kept already. */
  keep(start: number, end: number): void {
    if (start >= end) return
    if (start === this.#to && this.#to > this.#from) {
      this.#to = end
      return
    }
    this.#flush()
    this.#from = start
    this.#to = end
  }

  /** Writes `text`, whose every code unit comes from where [start, end) of the input does, end > start. */
  put(text: string, start: number, end: number): void {
    this.putAt(
      text,
      startOf(this.#input, start),
      endOf(this.#input, end),
      text.length === 1 && end - start === 1 ? start : -1,
    )
  }

  /**
   * Writes `text`, whose every code unit comes from [start, end) of the original.
   *
   * @param unit the code unit of the input whose place it takes alone, or -1
   */
  putAt(text: string, start: number, end: number, unit: number = -1): void {
    this.#flush()
    this.#changed = true
    if (text === '') return
    const length = this.#length
    // One code unit for one, at the same distance from the beginning: the places stay as they are.
    if (this.#starts !== undefined || unit !== length || this.#input.starts !== undefined) {
      this.#reserve(text.length)
      this.#starts!.fill(start, length, length + text.length)
      this.#ends!.fill(end, length, length + text.length)
    }
    this.#parts.push(text)
    this.#length = length + text.length
  }

  finish(): NormalizedText {
    const { text, offset } = this.#input
    if (!this.#changed && this.#parts.length === 0 && this.#from === 0 && this.#to === text.length)
      return this.#input
    this.#flush()
    const written = this.#parts.join('')
    if (this.#starts === undefined || this.#ends === undefined) return { text: written, offset }
    const length = this.#length
    return {
      text: written,
      offset,
      starts: this.#starts.subarray(0, length),
      ends: this.#ends.subarray(0, length),
    }
  }

  #flush(): void {
    const from = this.#from
    const to = this.#to
    this.#from = this.#to = to
    if (from === to) return
    const { starts, ends, offset, text } = this.#input
    const length = this.#length
    const count = to - from
    if (this.#starts !== undefined || from !== length || starts !== undefined) {
      this.#reserve(count)
      if (starts === undefined || ends === undefined)
        for (let i = 0; i < count; i++) {
          this.#starts![length + i] = offset + from + i
          this.#ends![length + i] = offset + from + i + 1
        }
      else {
        this.#starts!.set(starts.subarray(from, to), length)
        this.#ends!.set(ends.subarray(from, to), length)
      }
    }
    this.#parts.push(from === 0 && to === text.length ? text : text.slice(from, to))
    this.#length = length + count
  }

  /** Room for so many units more; what was written before with its own place gets it now. */
  #reserve(more: number): void {
    const { offset, text } = this.#input
    const needed = this.#length + more
    if (this.#starts === undefined) {
      this.#starts = new Int32Array(Math.max(needed, text.length + 16))
      this.#ends = new Int32Array(this.#starts.length)
      for (let i = 0; i < this.#length; i++) {
        this.#starts[i] = offset + i
        this.#ends[i] = offset + i + 1
      }
    } else if (needed > this.#starts.length) {
      const size = Math.max(needed, 2 * this.#starts.length)
      const longer = [new Int32Array(size), new Int32Array(size)] as const
      longer[0].set(this.#starts)
      longer[1].set(this.#ends!)
      ;[this.#starts, this.#ends] = longer
    }
  }
}
