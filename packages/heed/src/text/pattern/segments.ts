/** Marks the places of a text where a grapheme cluster begins or ends, both ends of the text included. */
export function markBoundaries(
  text: string,
  start: number,
  end: number,
  bits: Uint8Array,
  mask: number,
): void {
  // Stand-in until the generated tables are there.
  for (const { index } of new Intl.Segmenter('und').segment(text.slice(start, end))) bits[index]! |= mask
  bits[end - start]! |= mask
}
