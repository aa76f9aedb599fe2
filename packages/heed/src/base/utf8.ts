/** UTF-8 (RFC 3629) in arrays of bytes, without an object for each string. */

/** How many bytes the character at a place takes; 0 where there is none. */
export function utf8Length(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  // Beyond the end are none: undefined is no continuation.
  const second = bytes[at + 1]!
  if (first < 0xe0) return first >= 0xc2 && isContinuation(second) ? 2 : 0
  if (first < 0xf0) {
    if (first === 0xe0 ? second < 0xa0 : first === 0xed && second > 0x9f) return 0
    return isContinuation(second) && isContinuation(bytes[at + 2]!) ? 3 : 0
  }
  if (first === 0xf0 ? second < 0x90 : first === 0xf4 && second > 0x8f) return 0
  if (first > 0xf4 || !isContinuation(second)) return 0
  return isContinuation(bytes[at + 2]!) && isContinuation(bytes[at + 3]!) ? 4 : 0
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** Writes a character, and answers where the next one goes: up to four bytes further. */
export function writeCodePoint(point: number, into: Uint8Array, at: number): number {
  if (point < 0x80) into[at++] = point
  else {
    if (point < 0x800) into[at++] = 0xc0 | (point >> 6)
    else {
      if (point < 0x10000) into[at++] = 0xe0 | (point >> 12)
      else {
        into[at++] = 0xf0 | (point >> 18)
        into[at++] = 0x80 | ((point >> 12) & 0x3f)
      }
      into[at++] = 0x80 | ((point >> 6) & 0x3f)
    }
    into[at++] = 0x80 | (point & 0x3f)
  }
  return at
}

/**
 * Writes [start, end) of a text, and answers where the next one goes: up to three bytes a UTF-16 code unit
 * further. A lone surrogate, which UTF-8 can't hold, becomes U+FFFD, as TextEncoder has it.
 */
export function writeUtf8(text: string, start: number, end: number, into: Uint8Array, at: number): number {
  for (let i = start; i < end; i++) {
    let unit = text.charCodeAt(i)
    if (unit < 0x80) {
      into[at++] = unit
      continue
    }
    if ((unit & 0xf800) === 0xd800) {
      const low = i + 1 < end && unit < 0xdc00 ? text.charCodeAt(i + 1) : 0
      if ((low & 0xfc00) === 0xdc00) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        i++
      } else unit = 0xfffd
    }
    at = writeCodePoint(unit, into, at)
  }
  return at
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** [start, end) of bytes as a text; what is no UTF-8 becomes U+FFFD. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  // Where it is short, a decoder takes longer to begin than to decode.
  if (end - start <= 16) {
    let text = ''
    let at = start
    while (at < end && bytes[at]! < 0x80) text += String.fromCharCode(bytes[at++]!)
    if (at === end) return text
  }
  const part = bytes.subarray(start, end)
  // Browsers don't decode from memory that threads share.
  return decoder.decode(bytes.buffer instanceof ArrayBuffer ? part : Uint8Array.from(part))
}
