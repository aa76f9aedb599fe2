import { UsageError } from '../base/index.js'

/** A name to look for: parts joined by dots, `*` for any one part: `blocks.*.attention.filter`. */
export interface Pattern {
  /** As the user wrote it. */
  readonly written: string
  readonly parts: readonly string[]
  matches(name: readonly string[]): boolean
}

/**
 * @param written what the user wrote
 * @param name the same in heed's own names
 * @throws UsageError where a part is empty, or `*` stands for less than a part
 */
export function patternOf(written: string, name: string): Pattern {
  const parts = name.split('.')
  for (const part of parts) {
    if (part === '' || (part.includes('*') && part !== '*'))
      throw new UsageError({
        operation: 'observe',
        expected: "names joined by dots, '*' for any one of them: 'blocks.*.attention.filter'",
        found: `'${written}'`,
        hint: "write '*' for a whole part",
      })
  }
  return {
    written,
    parts,
    matches: (found) =>
      found.length === parts.length && parts.every((part, i) => part === '*' || part === found[i]),
  }
}

/** The names most like a written one, the most alike first. */
export function nearest(written: string, names: Iterable<string>, count = 5): string[] {
  return [...names]
    .map((name) => ({ name, distance: distanceOf(written, name) }))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}

/** Insertions, deletions and changes between two strings (Levenshtein 1965), part by part where both have as many parts. */
function distanceOf(written: string, name: string): number {
  const a = written.split('.')
  const b = name.split('.')
  if (a.length !== b.length) return edits(written, name) + 2
  return a.reduce((sum, part, i) => sum + (part === '*' ? 0 : edits(part, b[i]!)), 0)
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
