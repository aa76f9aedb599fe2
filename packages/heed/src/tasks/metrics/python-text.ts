/** Texts as Python's packages cut them. */

/** What Python's `split()` cuts at. */
const spaces = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u
const spacesAtEnd = new RegExp(`${spaces.source}$`, 'u')

/** The words between white space, as `text.split()` gives them. */
export function spacedWords(text: string): string[] {
  return text.split(spaces).filter((word) => word !== '')
}

/** A text without white space at its end, as `text.rstrip()`. */
export function withoutEndSpace(text: string): string {
  return text.replace(spacesAtEnd, '')
}

/** How often each run of `length` items comes. A run is its items with spaces between them. */
export function runCounts(items: readonly string[], length: number, between = ' '): Map<string, number> {
  const counts = new Map<string, number>()
  for (let at = 0; at + length <= items.length; at++) {
    const run = length === 1 ? items[at]! : items.slice(at, at + length).join(between)
    counts.set(run, (counts.get(run) ?? 0) + 1)
  }
  return counts
}

/** How many both have in common, each as often as it is in both. */
export function sharedCount(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let shared = 0
  for (const [run, count] of a) shared += Math.min(count, b.get(run) ?? 0)
  return shared
}
