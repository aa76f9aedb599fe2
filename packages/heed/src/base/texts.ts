import { UsageError } from './errors.js'

/**
 * Refuses one string where a list of texts is wanted: a string is itself an iterable of its characters, so
 * that the compiler takes it, and each character would be a text.
 *
 * @throws UsageError for a string
 */
export function checkTexts(operation: string, texts: Iterable<string>): void {
  if (typeof texts !== 'string') return
  throw new UsageError({
    operation,
    expected: 'a list of texts',
    found: 'one string',
    hint: 'write [text] for a single text',
  })
}

/** A name out of a file, for errors: in quotes, and of a long one the beginning. */
export function shownName(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

/** The first few of a list of names, and how many more there are. */
export function shownNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `'${name.slice(0, 100)}'`)
  return shown.join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '')
}
