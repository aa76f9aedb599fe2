/** The names that somebody may have meant. */

/**
 * The name that `word` was probably meant to be, if one is close: at most a third of its letters off,
 * whatever their case, or one the beginning of the other. Of equals the first.
 */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > longest) return undefined
  const small = word.toLowerCase()
  let best: { readonly name: string; readonly off: number } | undefined
  for (const name of names) {
    const off = begins(small, name.toLowerCase()) ? 1 : edits(small, name.toLowerCase())
    if (off <= Math.max(1, Math.max(small.length, name.length) / 3) && off < (best?.off ?? Infinity))
      best = { name, off }
  }
  return best?.name
}

/**
 * Whether one of two words is shortened to the other, which has three letters at least: `vocab` for
 * `vocabulary`.
 */
function begins(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a))
}

/**
 * The `count` names of dotted paths most like a written one, the most alike first; a part `*` is like any
 * other.
 */
export function nearestPaths(written: string, paths: Iterable<string>, count = 5): string[] {
  const short = written.slice(0, longest)
  const parts = short.split('.')
  const distanceOf = (path: string): number => {
    const others = path.split('.')
    if (parts.length !== others.length) return edits(short, path) + 2
    return parts.reduce((sum, part, i) => sum + (part === '*' ? 0 : edits(part, others[i]!)), 0)
  }
  return [...paths]
    .map((path) => ({ path, distance: distanceOf(path) }))
    .sort((a, b) => a.distance - b.distance || (a.path < b.path ? -1 : 1))
    .slice(0, count)
    .map(({ path }) => path)
}

/** What is longer was not mistyped: comparing takes time by the product of lengths. */
const longest = 100

/**
 * Letters to insert, delete, replace or swap with their neighbour to get from `a` to `b` (Damerau 1964,
 * restricted).
 */
function edits(a: string, b: string): number {
  let twoAgo: number[] = []
  let before = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(before[j]! + 1, row[j - 1]! + 1, before[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, twoAgo[j - 2]! + 1)
      row.push(least)
    }
    twoAgo = before
    before = row
  }
  return before[b.length]!
}
