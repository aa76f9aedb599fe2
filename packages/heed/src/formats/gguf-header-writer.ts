/** The header of a GGUF file: values, and the list of tensors. */
import { UsageError, shownName } from '../base/index.js'
import { type GgufTensorEntry, type GgufValue, ggufValueBytes, ggufValueTypes } from './gguf.js'

const longestTensorName = 63
const longestKey = 2 ** 16 - 1

/**
 * Everything that comes before the tensors' data, without what fills up to the alignment.
 *
 * @throws UsageError for a name or value that the format can't hold
 */
export function ggufHeader(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensorEntry[] = [],
): Uint8Array {
  const header = new Bytes()
  header.letters('GGUF')
  header.integer(4, 3)
  header.integer(8, tensors.length)
  header.integer(8, metadata.size)
  for (const [key, value] of metadata) {
    header.text(key, nameOf(key), longestKey)
    writeValue(header, key, value)
  }
  for (const { name, shape, type, offset } of tensors) {
    header.text(name, nameOf(name), longestTensorName)
    header.integer(4, shape.length)
    for (const size of shape) header.integer(8, size)
    header.integer(4, type)
    header.integer(8, offset)
  }
  return header.whole()
}

function nameOf(name: string): string {
  return `the name ${shownName(name)}`
}

function writeValue(to: Bytes, key: string, { type, value }: GgufValue): void {
  const number = ggufValueTypes.indexOf(type)
  const what = `the value of ${shownName(key)}`
  if (number < 0) throw usageError(`a type of ${what}`, String(type), `use ${ggufValueTypes.join(', ')}`)
  const one = (item: unknown): void => {
    if (type === 'string') to.text(item, what)
    else if (type === 'bool') to.boolean(item, what)
    else to.number(type, ggufValueBytes[number]!, item, what)
  }
  if (typeof value !== 'object') {
    to.integer(4, number)
    one(value)
    return
  }
  to.integer(4, ggufValueTypes.indexOf('list'))
  to.integer(4, number)
  to.integer(8, value.length)
  for (let i = 0; i < value.length; i++) one(value[i])
}

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(2 ** 12)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  letters(letters: string): void {
    for (const letter of letters) this.#bytes[this.#reserve(1)] = letter.charCodeAt(0)
  }

  integer(size: 4 | 8, value: number): void {
    const at = this.#reserve(size)
    if (size === 4) this.#view.setUint32(at, value, true)
    else this.#view.setBigUint64(at, BigInt(value), true)
  }

  /** Length and text. */
  text(text: unknown, what: string, most = Infinity): void {
    if (typeof text !== 'string') throw usageError(`a text as ${what}`, typeof text, 'give a string')
    if (/\p{Surrogate}/u.test(text))
      throw usageError(`whole characters in ${what}`, 'half of a surrogate pair', 'change it')
    // No character takes more than three bytes for each of its units.
    const room = this.#reserve(8 + 3 * text.length)
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(room + 8))
    if (written > most) throw usageError(`at most ${most} bytes in ${what}`, String(written), 'shorten it')
    this.#view.setBigUint64(room, BigInt(written), true)
    this.#length = room + 8 + written
  }

  boolean(value: unknown, what: string): void {
    if (typeof value !== 'boolean')
      throw usageError(`true or false as ${what}`, String(value), 'give a boolean')
    this.#bytes[this.#reserve(1)] = Number(value)
  }

  /** A number, which the type must hold exactly; f32 is rounded. */
  number(type: string, size: number, value: unknown, what: string): void {
    const refuse = (): never => {
      throw usageError(`a number of ${type} as ${what}`, String(value), 'give another type')
    }
    const at = this.#reserve(size)
    const view = this.#view
    if (type === 'f32' || type === 'f64') {
      if (typeof value !== 'number') return refuse()
      if (size === 4) view.setFloat32(at, value, true)
      else view.setFloat64(at, value, true)
      return
    }
    const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
    if (!isWhole) return refuse()
    const whole = BigInt(value as bigint | number)
    const fits = type.startsWith('i') ? BigInt.asIntN(8 * size, whole) : BigInt.asUintN(8 * size, whole)
    if (fits !== whole) return refuse()
    for (let i = 0; i < size; i++) this.#bytes[at + i] = Number((whole >> BigInt(8 * i)) & 255n)
  }

  #reserve(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length)
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

const encoder = new TextEncoder()

function usageError(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: 'writeGguf', expected, found, hint })
}
