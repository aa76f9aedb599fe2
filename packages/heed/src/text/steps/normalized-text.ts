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

/** How many code units of the original a text comes from, as far as its ends tell. */
export function originalLength({ text, starts, ends }: NormalizedText): number {
  return starts === undefined || ends === undefined || text === ''
    ? text.length
    : Math.max(0, ends[text.length - 1]! - starts[0]!)
}
