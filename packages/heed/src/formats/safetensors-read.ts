/**
 * The safetensors format (github.com/huggingface/safetensors, "Format"). A file has a little-endian u64 with
 * the length of the header, the header in JSON, and then the tensors' numbers. These are row-major and
 * little-endian, end to end with neither gap nor overlap.
 *
 * What is read may be hostile. Every claim in the header is checked before a tensor is handed out, in time
 * and memory proportional to the header.
 */
import { FormatError, UsageError, inWords, shownName } from '../base/index.js'
import { withFileBytes } from '#file-bytes'
import { bytesInMemory, type FileBytes } from './bytes-in-memory.js'
import { DenseTensor } from './dense-tensor.js'
import type { FileTensors } from './file-tensor.js'
import { refuseOtherFormats } from './other-formats.js'
import { type HeaderEntry, readHeader } from './safetensors-header.js'
import { bitsOf, dtypeOfName, elementsOf, nameOfDtype } from './stored-dtypes.js'

/** The longest header, in bytes. The format's own limit is 100 MB, of which no file makes use. */
export const longestHeader: number = 3 * 2 ** 23

/** A tensor in a safetensors file. */
export type SafetensorsTensor = DenseTensor

/** What a file holds: its tensors by name, in the header's order, and its metadata. */
export interface Safetensors extends FileTensors {
  readonly format: 'safetensors'
  readonly tensors: Map<string, SafetensorsTensor>
  readonly metadata: Map<string, string>
}

/**
 * Reads a safetensors file. The tensors are views of `bytes`, which must not change from here on.
 *
 * @param file the path, for errors
 * @throws FormatError for anything that isn't exactly such a file
 */
export function readSafetensors(bytes: Uint8Array, file?: string): Safetensors {
  if (!ArrayBuffer.isView(bytes) || bytes.BYTES_PER_ELEMENT !== 1)
    throw new UsageError({
      operation: 'readSafetensors',
      expected: 'the bytes of a file, a Uint8Array',
      found: inWords(bytes),
      hint: 'a file on the disk is read by withSafetensors(path, use); of an ArrayBuffer make new Uint8Array(buffer)',
    })
  return safetensorsIn(bytesInMemory(bytes, file))
}

/**
 * Runs `use` with a safetensors file on the disk. Its header is read, and each tensor when it is asked for,
 * as long as `use` runs.
 *
 * @throws FormatError for anything that isn't exactly such a file, or can't be read
 */
export function withSafetensors<T>(path: string, use: (file: Safetensors) => T): T {
  return withFileBytes(path, (bytes) => use(safetensorsIn(bytes)))
}

/** The tensors of a safetensors file, whose bytes must not change from here on. */
export function safetensorsIn(bytes: FileBytes): Safetensors {
  const file = bytes.path
  const refuse = (expected: string, found: string, offset: number): never => {
    const hint = 'the file is damaged, cut short, or not a safetensors file'
    throw new FormatError({ operation: 'readSafetensors', expected, found, hint, file, offset })
  }
  refuseOtherFormats(bytes, 'readSafetensors')
  if (bytes.length < 8) refuse('at least 8 bytes', String(bytes.length), 0)
  const first = bytes.slice(0, 8)
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true)
  if (length > longestHeader) refuse(`a header of at most ${longestHeader} bytes`, `one of ${length}`, 0)
  const start = 8 + Number(length)
  if (start > bytes.length)
    refuse(`a header of ${length} bytes`, `${bytes.length - 8} bytes behind its length`, 0)

  const room = bytes.length - start
  const { tensors, metadata } = readHeader(bytes.slice(0, start), 8, file, (name, entry) => {
    const { shape, begin, end } = entry
    const dtype = checkedDtype(name, entry, room)
    return new DenseTensor(dtype, shape, { bytes, begin: start + begin, end: start + end, name })
  })
  const covered = coveredBy(tensors, start, refuse)
  if (covered !== bytes.length) refuse(`${covered - start} bytes of data`, String(room), covered)
  return { format: 'safetensors', tensors, metadata }
}

/** The dtype of a tensor that has as many bytes as its shape says, within the file. */
function checkedDtype(name: string, entry: HeaderEntry, room: number): DenseTensor['dtype'] {
  const { shape, begin, end } = entry
  const dtype = dtypeOfName(entry.dtype)
  if (dtype === undefined)
    return entry.refuse(`a dtype such as F32 for ${shownName(name)}`, shownName(entry.dtype))
  if (begin > end || end > room)
    entry.refuse(`${shownName(name)} within ${room} bytes of data`, `bytes ${begin} to ${end}`)
  const bits = bitsOf(dtype)
  // Of elements of less than a byte the last byte may be filled up.
  if (bits !== undefined && Math.ceil((elementsOf(shape) * bits) / 8) !== end - begin)
    entry.refuse(
      `${end - begin} bytes for ${shownName(name)}`,
      `shape [${shape.join(', ')}] of ${nameOfDtype(dtype)}`,
    )
  return dtype
}

/** Where the last tensor ends, if they lie end to end from `start` on. */
function coveredBy(
  tensors: ReadonlyMap<string, DenseTensor>,
  start: number,
  refuse: (expected: string, found: string, offset: number) => never,
): number {
  let covered = start
  const places = [...tensors.values()].map(({ place }) => place)
  for (const { name, begin, end } of places.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered)
      refuse(
        `${shownName(name)} to begin at byte ${covered - start} of the data, end to end`,
        `byte ${begin - start}`,
        begin,
      )
    covered = end
  }
  return covered
}
