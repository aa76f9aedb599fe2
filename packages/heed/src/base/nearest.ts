/** Letters to insert, delete, replace or swap with their neighbour to get from `a` to `b` (Damerau 1964, restricted). */
function distance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (__, j) => (i === 0 ? j : j === 0 ? i : 0)),
  )
  const at = (i: number, j: number): number => table[i]![j]!
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(i - 2, j - 2) + 1)
      }
      table[i]![j] = least
    }
  }
  return at(a.length, b.length)
}

/** The name that `word` was probably meant to be, if one is close: at most a third of its letters off, or one the beginning of the other. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > 100) return undefined
  const small = word.toLowerCase()
  let best: { readonly name: string; readonly off: number } | undefined
  for (const name of names) {
    const off = begins(small, name.toLowerCase()) ? 1 : distance(small, name.toLowerCase())
    if (off <= Math.max(1, Math.max(small.length, name.length) / 3) && off < (best?.off ?? Infinity)) {
      best = { name, off }
    }
  }
  return best?.name
}

/** Whether one of two words is shortened to the other, which has three letters at least: `vocab` for `vocabulary`. */
function begins(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a))
}
