import { UsageError } from '../base/index.js'

/**
 * A name to look for: parts joined by dots, `*` for any one part: `blocks.*.attention.filter`. Where several
 * texts run together, one that names no row is that of each row: `blocks.0.attention.rows.2.filter` too.
 */
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
    matches(found) {
      const row = found.indexOf('rows')
      return isLike(parts, found) || (row >= 0 && isLike(parts, found.toSpliced(row, 2)))
    },
  }
}

function isLike(parts: readonly string[], found: readonly string[]): boolean {
  return found.length === parts.length && parts.every((part, i) => part === '*' || part === found[i])
}
