/**
 * Sets of code points as ranges [first, last], one after the other in a flat list: in order, not overlapping,
 * not touching.
 */
export type Ranges = Int32Array<ArrayBufferLike>

/** How many code points there are. */
export const pointCount = 0x110000

/** Puts ranges, in any order, into the form of `Ranges`. */
export function rangesOf(pairs: ArrayLike<number>): Ranges {
  const order = Array.from({ length: pairs.length >> 1 }, (_, i) => 2 * i).sort(
    (a, b) => pairs[a]! - pairs[b]!,
  )
  const list: number[] = []
  for (const i of order) {
    const [first, last] = [pairs[i]!, pairs[i + 1]!]
    if (list.length > 0 && first <= list.at(-1)! + 1) list[list.length - 1] = Math.max(list.at(-1)!, last)
    else list.push(first, last)
  }
  return Int32Array.from(list)
}

/** What is in any of the sets. */
export function union(...sets: readonly Ranges[]): Ranges {
  const all = new Int32Array(sets.reduce((sum, set) => sum + set.length, 0))
  let at = 0
  for (const set of sets) {
    all.set(set, at)
    at += set.length
  }
  return rangesOf(all)
}

/** What is in one of two sets and not in the other. */
export function difference(a: Ranges, b: Ranges): Ranges {
  return combine(a, b, (inA, inB) => inA !== inB)
}

/** What is in both sets. */
export function intersection(a: Ranges, b: Ranges): Ranges {
  return combine(a, b, (inA, inB) => inA && inB)
}

/** What is not in a set. */
export function complement(set: Ranges): Ranges {
  return difference(set, Int32Array.of(0, pointCount - 1))
}

function combine(a: Ranges, b: Ranges, has: (inA: boolean, inB: boolean) => boolean): Ranges {
  // Where a range begins is even in its list, where it ends odd; [first, last] → [first, last + 1).
  const edge = (set: Ranges, i: number): number =>
    i < set.length ? set[i]! + (i & 1) : Number.POSITIVE_INFINITY
  const list: number[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const point = Math.min(edge(a, i), edge(b, j))
    if (edge(a, i) === point) i++
    if (edge(b, j) === point) j++
    if (has((i & 1) === 1, (j & 1) === 1) !== ((list.length & 1) === 1)) list.push(point)
  }
  return Int32Array.from(list, (point, i) => point - (i & 1))
}
