/**
 * How many bytes the character of UTF-8 has that begins at a place; 0 where none does (RFC 3629, section 4).
 */
export function characterLength(bytes: ArrayLike<number>, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + length > bytes.length) return 0
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i]!
    // Too long, a surrogate, or beyond U+10FFFF.
    const least = i > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const most = i > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (byte < least || byte > most) return 0
  }
  return length
}

/** The character that has these bytes, at least one. */
export function characterAt(bytes: ArrayLike<number>, at: number, length: number): string {
  const first = bytes[at]!
  if (length === 1) return String.fromCharCode(first)
  let point = first & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) point = (point << 6) | (bytes[at + i]! & 0x3f)
  return String.fromCodePoint(point)
}

/** The text of bytes; undefined where they aren't UTF-8. */
export function textOf(bytes: ArrayLike<number>): string | undefined {
  const characters: string[] = []
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at)
    if (length === 0) return undefined
    characters.push(characterAt(bytes, at, length))
    at += length
  }
  return characters.join('')
}
