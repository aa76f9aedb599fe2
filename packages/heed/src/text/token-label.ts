import { bytesOfToken } from './byte-alphabet.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * A byte that is part of no whole character stands as the lone surrogate U+DC00 + byte (Python's PEP 383,
 * "surrogateescape").
 */
const strayByte = 0xdc00

/**
 * The texts of tokens one by one, as pictures label them. In byte-level vocabularies a token's bytes may be
 * no whole character. Each such byte stands as a lone surrogate, U+DC80 to U+DCFF, so that nothing is lost.
 * Pictures of `@heed/studio` show it as `E6`.
 *
 * @heed/studio shows it as `E6`.
 *
 * @throws UsageError for an id without a token
 */
export function tokenLabels(tokenizer: Tokenizer, ids: ArrayLike<number>): string[] {
  return Array.from(ids, (id) => {
    const text = tokenizer.decode([id])
    if (!text.includes('\ufffd')) return text
    const bytes = bytesOfToken(tokenizer.token(id)!)
    // An added token is spelled as itself, and holds the character U+FFFD.
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) === text ? withStrayBytes(bytes) : text
  })
}

function withStrayBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = lengthFrom(bytes[at]!)
    try {
      text += decoder.decode(bytes.subarray(at, at + length))
      at += length
    } catch {
      text += String.fromCharCode(strayByte + bytes[at]!)
      at++
    }
  }
  return text
}

/** How many bytes a character of UTF-8 has that begins with this one. */
function lengthFrom(first: number): number {
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
}
