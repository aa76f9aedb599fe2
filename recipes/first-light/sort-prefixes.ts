/** Every position of a text, in the order of the few symbols that follow it. */

export type SortedPrefixes = {
  /** Positions, sorted by their next `length` symbols; what lies past the end counts as 0. */
  readonly positions: Uint32Array
  /** At i, how many of those symbols positions i and i - 1 share; 0 at the first. */
  readonly shared: Uint8Array
}

/**
 * Radix sort from the last symbol to the first: time and memory linear in the text.
 *
 * @param length symbols that are compared, at most 255.
 */
export function sortPrefixes(text: Uint8Array, length: number): SortedPrefixes {
  const size = text.length
  const padded = new Uint8Array(size + length)
  padded.set(text)
  let positions = new Uint32Array(size)
  let sorted = new Uint32Array(size)
  for (let at = 0; at < size; at++) positions[at] = at
  for (let offset = length - 1; offset >= 0; offset--) {
    const start = new Uint32Array(257)
    for (let at = offset; at < size + offset; at++) {
      const bucket = (padded[at] ?? 0) + 1
      start[bucket] = (start[bucket] ?? 0) + 1
    }
    for (let bucket = 0; bucket < 256; bucket++)
      start[bucket + 1] = (start[bucket + 1] ?? 0) + (start[bucket] ?? 0)
    for (let i = 0; i < size; i++) {
      const position = positions[i] ?? 0
      const bucket = padded[position + offset] ?? 0
      const target = start[bucket] ?? 0
      start[bucket] = target + 1
      sorted[target] = position
    }
    const swap = positions
    positions = sorted
    sorted = swap
  }
  const shared = new Uint8Array(size)
  for (let i = 1; i < size; i++) {
    const here = positions[i] ?? 0
    const before = positions[i - 1] ?? 0
    let count = 0
    while (count < length && padded[here + count] === padded[before + count]) count++
    shared[i] = count
  }
  return { positions, shared }
}
