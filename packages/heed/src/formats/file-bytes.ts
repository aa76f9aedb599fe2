/**
 * The bytes of a file on the disk. Where a bundler writes for browsers, file-bytes-browser.ts stands in this
 * module's place.
 */
import { FormatError, MemoryError, nodeModule, StateError } from '../base/index.js'
import type { FileBytes } from './bytes-in-memory.js'

/** Systems read at most 2^31 bytes at a time. */
const mostAtOnce = 2 ** 30

/** A file on the disk that is open: its bytes are read when they are asked for. */
interface OpenFile extends FileBytes {
  /** From here on nothing is read. */
  close(): void
}

/**
 * Opens a file on the disk.
 *
 * @throws FormatError where there is no file (but a folder, or a pipe), it can't be read, or loses bytes
 * meanwhile; StateError where it is read when it is closed
 */
function openFile(path: string): OpenFile {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', 'read')
  const refuse = (expected: string, found: string, cause?: unknown): never => {
    const hint = 'check the path, and that nobody writes to the file'
    throw new FormatError({ operation: 'read', expected, found, hint, file: path, cause })
  }
  const tried = <R>(work: () => R): R => {
    try {
      return work()
    } catch (cause) {
      return refuse('a file that can be read', cause instanceof Error ? cause.message : String(cause), cause)
    }
  }
  // Opening a pipe would wait for somebody who writes into it.
  const file = tried(() => fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)))
  let isOpen = true
  const close = (): void => {
    if (isOpen) fs.closeSync(file)
    isOpen = false
  }
  const copy = (begin: number, target: Uint8Array): void => {
    // Its number may be another file's by now.
    if (!isOpen)
      throw new StateError({
        operation: 'read',
        expected: 'a file that is open',
        found: `'${path}', closed`,
        hint: 'read within the function that is given the file, or in the promise that it returns',
      })
    for (let done = 0; done < target.length;) {
      const length = Math.min(target.length - done, mostAtOnce)
      const read = tried(() => fs.readSync(file, target, done, length, begin + done))
      if (read === 0) refuse(`bytes up to ${begin + target.length}`, `an end at ${begin + done}`)
      done += read
    }
  }
  try {
    const status = tried(() => fs.fstatSync(file))
    if (!status.isFile())
      refuse('a file', `a ${status.isDirectory() ? 'folder' : 'pipe or device'}, '${path}'`)
    const slice = (begin: number, end: number): Uint8Array => {
      const bytes = allocate(path, end - begin)
      copy(begin, bytes)
      return bytes
    }
    return { length: status.size, path, slice, copy, close }
  } catch (error) {
    close()
    throw error
  }
}

/**
 * Runs `use` with the bytes of a file on the disk, which are read when they are asked for, until `use`
 * returns, or the promise that it returns is settled.
 *
 * @throws FormatError where there is no file (but a folder, or a pipe), it can't be read, or loses bytes
 * meanwhile
 * @throws StateError for bytes that are asked for later
 */
export function withFileBytes<T>(path: string, use: (bytes: FileBytes) => T): T {
  return withFiles((open) => use(open(path)))
}

/**
 * Runs `use` with a function that opens files. These are closed when `use` returns, or the promise that it
 * returns is settled.
 */
export function withFiles<T>(use: (open: (path: string) => FileBytes) => T): T {
  const opened: OpenFile[] = []
  const closeAll = (): void => {
    for (const file of opened) file.close()
  }
  let isPromise = false
  try {
    const result = use((path) => {
      const file = openFile(path)
      opened.push(file)
      return file
    })
    isPromise = result instanceof Promise
    return result instanceof Promise ? (result.finally(closeAll) as T) : result
  } finally {
    if (!isPromise) closeAll()
  }
}

function allocate(path: string, length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new MemoryError({
      operation: 'read',
      expected: `memory for ${length} bytes of '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'split the file, or read it as a tensor',
      cause,
    })
  }
}

/**
 * All of a small file.
 *
 * @throws FormatError as `withFileBytes`, and where it has more than `most` bytes
 */
export function readSmallFile(path: string, most: number): Uint8Array {
  return withFileBytes(path, (bytes) => {
    const { length } = bytes
    if (length <= most) return bytes.slice(0, length)
    throw new FormatError({
      operation: 'read',
      expected: `at most ${most} bytes`,
      found: `${length} in '${path}'`,
      hint: 'check the path',
      file: path,
    })
  })
}
