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
