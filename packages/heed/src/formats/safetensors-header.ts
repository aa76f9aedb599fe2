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
  /** Where its value stands in the header, for `refuse`. */
  readonly at: number
}

export interface Header {
  readonly entries: Map<string, HeaderEntry>
  readonly metadata: Map<string, string>
  /** Throws the error about a value that stands at `at`. */
  readonly refuse: (at: number, expected: string, found: string) => never
}

const maximumRank = 64
/** Many times what the largest files that were published have. */
const maximumTensors = 2 ** 17
const maximumMetadata = 2 ** 16
const hint = 'the file is damaged, or not a safetensors file'

/**
 * Reads the header that fills `bytes` from `start` on.
 *
 * @throws FormatError with the place
 */
export function readHeader(bytes: Uint8Array, start: number, file: string | undefined): Header {
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
  const entries = new Map<string, HeaderEntry>()
  const metadata = new Map<string, string>()
  const once = (map: ReadonlyMap<string, unknown>, before: number): void => {
    if (map.size === before) reader.refuse('there once', { found: 'it again' })
  }
  const readMetadata = (): void =>
    reader.record((name) => {
      const before = metadata.size
      if (before === maximumMetadata) reader.refuse(`one of at most ${maximumMetadata}`, { found: 'more' })
      metadata.set(name, reader.string())
      once(metadata, before)
    }, true)

  let hasMetadata = false
  reader.record((name) => {
    if (name === '__metadata__') {
      if (hasMetadata) reader.refuse('there once', { found: 'it again' })
      hasMetadata = true
      return readMetadata()
    }
    const before = entries.size
    if (before === maximumTensors)
      reader.refuse(`one of at most ${maximumTensors} tensors`, { found: 'more', hint: 'split the file' })
    entries.set(name, readEntry(reader))
    once(entries, before)
  }, true)
  reader.end()
  return {
    entries,
    metadata,
    refuse: (at, expected, found) => reader.refuseAt(at, '', expected, { found }),
  }
}

function readEntry(reader: JsonReader): HeaderEntry {
  const { at } = reader
  let dtype: string | undefined
  let shape: number[] | undefined
  let offsets: number[] | undefined
  reader.record((field) => {
    if (field === 'dtype') dtype = reader.string()
    else if (field === 'shape') shape = readIntegers(reader, maximumRank)
    else if (field === 'data_offsets') offsets = readIntegers(reader, 2)
    else reader.refuse('dtype, shape or data_offsets', { found: 'another field' })
  })
  if (dtype === undefined || shape === undefined || offsets?.length !== 2)
    return reader.refuse('a dtype, a shape and two data_offsets', { found: 'less', at })
  return { dtype, shape, begin: offsets[0]!, end: offsets[1]!, at }
}

function readIntegers(reader: JsonReader, most: number): number[] {
  const numbers: number[] = []
  reader.list((index) => {
    if (index === most) reader.refuse(`one of at most ${most} numbers`, { found: 'more' })
    numbers.push(reader.count())
  })
  return numbers
}
