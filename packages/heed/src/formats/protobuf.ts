/**
 * Protocol buffers' wire format: a message is a list of fields, each a tag (number and kind) and a value.
 * Source: Protocol Buffers, "Encoding".
 */
import { FormatError, readUtf8, utf8Length } from '../base/index.js'

/** How a field's value is written. */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

const longestVarint = 10

/** Reads the fields of a message one after the other; what nobody asks for is skipped. */
export class ProtobufReader {
  /** Number and kind of the field that `next` came to. */
  field = 0
  kind = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #operation: string
  readonly #file: string | undefined
  readonly #end: number
  #at: number
  /** Where the field's value begins and ends. */
  #value = 0

  /** @param operation who reads, for errors */
  constructor(bytes: Uint8Array, operation: string, file?: string, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#operation = operation
    this.#file = file
    this.#at = start
    this.#end = end
  }

  /**
   * Goes to the next field; false at the message's end.
   *
   * @throws FormatError where the field doesn't end within the message, or is of a kind that there isn't
   */
  next(): boolean {
    if (this.#at === this.#end) return false
    const at = this.#at
    const tag = this.#varint()
    this.kind = tag % 8
    this.field = (tag - this.kind) / 8
    if (this.field < 1 || this.field >= 2 ** 29) this.#refuse('a field of 1 to 2^29 − 1', this.field, at)
    let length = 0
    if (this.kind === wire.bytes) length = this.#varint()
    else if (this.kind === wire.fixed32) length = 4
    else if (this.kind === wire.fixed64) length = 8
    else if (this.kind !== wire.varint) this.#refuse('a kind of 0, 1, 2 or 5', this.kind, at)
    this.#value = this.#at
    if (this.kind === wire.varint) this.#varint()
    else if (length > this.#end - this.#at) this.#refuse(`at most ${this.#end - this.#at} bytes`, length, at)
    else this.#at += length
    return true
  }

  /** A whole number as it is written, without a sign. Beyond 2^53 its last digits are lost. */
  unsigned(): number {
    this.#expect(wire.varint)
    const end = this.#at
    this.#at = this.#value
    const value = this.#varint()
    this.#at = end
    return value
  }

  /** A whole number of 32 bits, with a sign. */
  integer(): number {
    this.#expect(wire.varint)
    // Negative numbers take ten bytes, of which the lowest 32 bits count.
    let value = 0
    for (let at = this.#value, shift = 0; at < this.#at && shift < 32; at++, shift += 7)
      value |= (this.#bytes[at]! & 0x7f) << shift
    return value
  }

  boolean(): boolean {
    return this.unsigned() !== 0
  }

  float(): number {
    this.#expect(wire.fixed32)
    return this.#view.getFloat32(this.#value, true)
  }

  /** A view of the bytes. */
  bytes(): Uint8Array {
    this.#expect(wire.bytes)
    return this.#bytes.subarray(this.#value, this.#at)
  }

  /**
   * A view of the bytes of a text.
   *
   * @throws FormatError for bytes that are no UTF-8
   */
  utf8(): Uint8Array {
    const bytes = this.bytes()
    for (let at = 0; at < bytes.length;) {
      const length = utf8Length(bytes, at)
      if (length === 0) this.#refuse('text in UTF-8', 'other bytes', this.#value + at)
      at += length
    }
    return bytes
  }

  /** The message that the field holds. */
  message(): ProtobufReader {
    this.#expect(wire.bytes)
    return new ProtobufReader(this.#bytes, this.#operation, this.#file, this.#value, this.#at)
  }

  /** @throws FormatError for bytes that are no UTF-8 */
  string(): string {
    const bytes = this.utf8()
    return readUtf8(bytes, 0, bytes.length)
  }

  /** Throws the error about the field. */
  refuse(expected: string, found: string | number): never {
    return this.#refuse(`field ${this.field} to be ${expected}`, found, this.#value)
  }

  #expect(kind: number): void {
    if (this.kind !== kind) this.refuse(`of kind ${kind}`, this.kind)
  }

  #varint(): number {
    const start = this.#at
    let value = 0
    let unit = 1
    for (let length = 0; length < longestVarint; length++) {
      if (this.#at === this.#end) this.#refuse('a number that ends', 'the end', start)
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
      unit *= 128
    }
    return this.#refuse(`a number of at most ${longestVarint} bytes`, 'a longer one', start)
  }

  #refuse(expected: string, found: string | number, offset: number): never {
    throw new FormatError({
      operation: this.#operation,
      expected,
      found: `${found} at byte ${offset}`,
      hint: 'the file is damaged, or of another kind',
      file: this.#file,
      offset,
    })
  }
}
