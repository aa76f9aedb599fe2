import type { Run, TextTokens } from './part.js'
import { countsOf, mostSpaces, type Trim } from './token-edges.js'

/**
 * Trims the spans of a run's tokens, a character of the token for a character of the text, whatever that is.
 *
 * @param spans those of the run: two a token, changed in place
 */
export function trimSpans(
  spans: Int32Array,
  run: Run,
  text: TextTokens,
  trim: Trim,
  tokenOf: (id: number) => string | undefined,
): void {
  const { edges, addPrefixSpace, before } = trim
  const { ids, words, spelled } = text.list
  for (let i = 0; i < run.length; i++) {
    const at = run.from + i
    const id = ids[at]!
    const own = spelled.size === 0 ? undefined : spelled.get(at)
    let counts = own === undefined ? edges.known(id) : countsOf(own)
    if (counts < 0) counts = edges.ofToken(id, tokenOf(id) ?? '')
    if (counts === 0) continue
    const original = typeof text.text === 'string' ? text.text : (text.text[words[at]!] ?? '')
    let leading = counts >> 15
    let trailing = counts & mostSpaces
    let start = spans[2 * i]!
    const end = spans[2 * i + 1]!
    if (leading === 1 && addPrefixSpace && (before + i === 0 || start === 0)) leading = 0
    for (; leading > 0 && start < end; leading--) start += isPair(original, start) ? 2 : 1
    let trimmed = end
    for (; trailing > 0 && trimmed > 0; trailing--) trimmed -= isPair(original, trimmed - 2) ? 2 : 1
    spans[2 * i] = start
    // A text that is shorter than the token's white space stays whole.
    if (trailing === 0) spans[2 * i + 1] = Math.max(trimmed, start)
  }
}

/** Whether two surrogates stand here that are one character. */
function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
}
