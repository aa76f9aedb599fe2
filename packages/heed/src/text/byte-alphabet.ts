/**
 * The byte alphabet of GPT-2: one printable character for each of the 256 bytes, so that a token made of any
 * bytes has a spelling without spaces and control characters (a space is `Ġ`, a line break `Ċ`).
 * Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", `bytes_to_unicode`.
 */

/** Byte → its character: the byte's own where it is printable in Latin-1, else one from U+0100 on. */
export const characterOfByte: readonly string[] = buildAlphabet()

const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
)

function buildAlphabet(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad)
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}

/**
 * The bytes that a token of the vocabulary stands for: spelled in the byte alphabet, or, where it isn't, its
 * own UTF-8.
 */
export function bytesOfToken(token: string): Uint8Array {
  return spelledBytes(token) ?? new TextEncoder().encode(token)
}

/** The bytes that a token spells in the byte alphabet; undefined where it has another character. */
function spelledBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token.charAt(i))
    if (byte === undefined) return undefined
    bytes[i] = byte
  }
  return bytes
}

/**
 * Whether a token that reads as plain text could be taken for other bytes of a text: it has characters beyond
 * ASCII, all of the byte alphabet, and stands for bytes that occur side by side in UTF-8. `Ġthe` could, for "
 * the"; `<|début|>` could not.
 */
export function readsAsBytes(token: string): boolean {
  const bytes = spelledBytes(token)
  if (bytes === undefined || !/[^\0-\x7f]/.test(token)) return false
  // The end of a character may stand first, and the beginning of one last.
  let start = 0
  while (start < 3 && (bytes[start]! & 0xc0) === 0x80) start++
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start), { stream: true })
    return true
  } catch {
    return false
  }
}

/** The token that stands for bytes. */
export function tokenOfBytes(bytes: Uint8Array, start: number = 0, end: number = bytes.length): string {
  let token = ''
  for (let i = start; i < end; i++) token += characterOfByte[bytes[i]!]!
  return token
}

/**
 * The character at a place in a text, as a code point. A lone surrogate, which no UTF-8 can hold, reads as
 * U+FFFD (the replacement character), as TextEncoder has it.
 */
export function codePointAt(text: string, at: number, end: number = text.length): number {
  const unit = text.charCodeAt(at)
  if ((unit & 0xf800) !== 0xd800) return unit
  if (unit < 0xdc00 && at + 1 < end) {
    const low = text.charCodeAt(at + 1)
    if ((low & 0xfc00) === 0xdc00) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
  }
  return 0xfffd
}

/** How many UTF-16 code units the character before a place takes. */
export function unitsBefore(text: string, at: number, start: number = 0): number {
  return at - 2 >= start &&
    (text.charCodeAt(at - 1) & 0xfc00) === 0xdc00 &&
    (text.charCodeAt(at - 2) & 0xfc00) === 0xd800
    ? 2
    : 1
}
