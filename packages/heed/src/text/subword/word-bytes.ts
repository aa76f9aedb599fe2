import { writeUtf8 } from '../../base/index.js'

/** A longer word lets its memory go. */
const kept = 1 << 18

/** A word in UTF-8, in memory that is used again for the next one. */
export class WordBytes {
  bytes: Uint8Array = new Uint8Array(1024)
  length = 0

  /** Reads [start, end) of a text. A lone surrogate reads as U+FFFD. */
  read(text: string, start: number, end: number): void {
    const room = 3 * (end - start)
    if (room > this.bytes.length || this.bytes.length > kept)
      this.bytes = new Uint8Array(Math.max(1024, room))
    this.length = writeUtf8(text, start, end, this.bytes, 0)
  }
}

/** How many UTF-16 code units [start, end) of well-formed bytes take. */
export function unitsOf(bytes: Uint8Array, start: number, end: number): number {
  let units = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1
  }
  return units
}
