import { graphemeEnd } from '../unicode/index.js'

/** Marks the places of a text where a grapheme cluster begins or ends, both ends of the text included. */
export function markBoundaries(
  text: string,
  start: number,
  end: number,
  bits: Uint8Array,
  mask: number,
): void {
  bits[0]! |= mask
  for (let at = start; at < end;) {
    at = graphemeEnd(text, at, end)
    bits[at - start]! |= mask
  }
}
