import { characterOfByte } from '../byte-alphabet.js'

/** GPT-2's character of each byte, in UTF-8: one or two bytes. */
const spelled: readonly Uint8Array[] = characterOfByte.map((character) => new TextEncoder().encode(character))

const equals = 0x3d
const sextetOf: Int8Array = new Int8Array(256).fill(-1)
for (let i = 0; i < 64; i++)
  sextetOf['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(i)] = i

/** Bytes that were in base64, in the byte alphabet, in UTF-8. */
export class SpelledBytes {
  bytes: Uint8Array = new Uint8Array(256)
  length = 0

  /** Reads [start, end) of some letters; false where they are no base64, or none. */
  read(letters: Uint8Array, start: number, end: number): boolean {
    this.length = 0
    // Two bytes of UTF-8 for each of three bytes in four letters.
    if (this.bytes.length < 2 * (end - start)) this.bytes = new Uint8Array(2 * (end - start))
    let bits = 0
    let held = 0
    let isPadded = false
    for (let at = start; at < end; at++) {
      const letter = letters[at]!
      if (letter === equals && at >= end - 2) {
        isPadded = true
        continue
      }
      const sextet = sextetOf[letter]!
      if (sextet < 0 || isPadded) return false
      held = ((held << 6) | sextet) & 0xfff
      bits += 6
      if (bits < 8) continue
      bits -= 8
      for (const byte of spelled[(held >> bits) & 255]!) this.bytes[this.length++] = byte
    }
    return this.length > 0 && (end - start) % 4 === 0
  }
}
