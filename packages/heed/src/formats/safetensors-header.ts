/**
 * The header of a safetensors file: JSON of one form only, read strictly:
 *
 *     { "__metadata__": { "name": "text", … },
 *       "tensor": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, … }
 */
import { FormatError, JsonReader } from '../base/index.js'

/** One tensor as the header states it, not yet checked against the data. */
export interface HeaderEntry {
  readonly dtype: string
  readonly shape: readonly number[]
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly begin: number
  readonly end: number
  /** Throws the error about it. */
  refuse(expected: string, found: string): never
}

const maximumRank = 64
/** Many times what the largest files that were published have. */
const maximumTensors = 3 * 2 ** 14
const maximumMetadata = 2 ** 16
const hint = 'the file is damaged, or not a safetensors file'

/**
 * Reads the header that fills `bytes` from `start` on.
 *
 * @param tensorOf what becomes of an entry: called for one after the other
 * @throws FormatError with the place
 */
export function readHeader<T>(
  bytes: Uint8Array,
  start: number,
  file: string | undefined,
  tensorOf: (name: string, entry: HeaderEntry) => T,
): { tensors: Map<string, T>; metadata: Map<string, string> } {
  const operation = 'readSafetensors'
  if (bytes[start] === 0xef)
    throw new FormatError({
      operation,
      expected: "'{'",
      found: 'a byte order mark',
      hint,
      file,
      offset: start,
    })
  const reader = new JsonReader(bytes.subarray(start), { operation, file, hint, length: Infinity, start })
  const tensors = new Map<string, T>()
  const metadata = new Map<string, string>()
  const once = (isThere: boolean): void => {
    if (isThere) reader.refuse('there once', { found: 'it again' })
  }
  const readMetadata = (): void =>
    reader.record((name) => {
      once(metadata.has(name))
      if (metadata.size === maximumMetadata)
        reader.refuse(`one of at most ${maximumMetadata}`, { found: 'more' })
      metadata.set(name, reader.string())
    }, true)

  let hasMetadata = false
  reader.record((name) => {
    if (name === '__metadata__') {
      once(hasMetadata)
      hasMetadata = true
      return readMetadata()
    }
    once(tensors.has(name))
    if (tensors.size === maximumTensors)
      reader.refuse(`one of at most ${maximumTensors} tensors`, { found: 'more', hint: 'split the file' })
    tensors.set(name, tensorOf(name, readEntry(reader)))
  }, true)
  reader.end()
  return { tensors, metadata }
}

function readEntry(reader: JsonReader): HeaderEntry {
  const { at } = reader
  let dtype: string | undefined
  let shape: readonly number[] | undefined
  let offsets: readonly number[] | undefined
  reader.record((field) => {
    if (field === 'dtype') dtype = reader.string()
    else if (field === 'shape') shape = readIntegers(reader, maximumRank)
    else if (field === 'data_offsets') offsets = readIntegers(reader, 2)
    else reader.refuse('dtype, shape or data_offsets', { found: 'another field' })
  })
  if (dtype === undefined || shape === undefined || offsets?.length !== 2)
    return reader.refuse('a dtype, a shape and two data_offsets', { found: 'less', at })
  const refuse = (expected: string, found: string): never => reader.refuseAt(at, '', expected, { found })
  return { dtype, shape, begin: offsets[0]!, end: offsets[1]!, refuse }
}

/** Where a list is read before it is known how long it is. */
const numbers: number[] = Array.from({ length: maximumRank }, () => 0)

function readIntegers(reader: JsonReader, most: number): number[] {
  let length = 0
  reader.list((index) => {
    if (index === most) reader.refuse(`one of at most ${most} numbers`, { found: 'more' })
    numbers[index] = reader.count()
    length = index + 1
  })
  // A list that grows has room for many more.
  return numbers.slice(0, length)
}
