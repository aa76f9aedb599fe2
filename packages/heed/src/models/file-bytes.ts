/** The bytes of a file: in memory, or still on the disk, whose file system is looked for when it is first needed. */
import { FormatError, nodeModule } from '../base/index.js'

export interface FileBytes {
  readonly length: number
  /** Bytes `begin` … `end` − 1: a view of what is in memory, else a new copy. */
  slice(begin: number, end: number): Uint8Array
  /** Copies the bytes from `begin` on over all of `target`. */
  copy(begin: number, target: Uint8Array): void
}

export function bytesInMemory(bytes: Uint8Array): FileBytes {
  return {
    length: bytes.length,
    slice: (begin, end) => bytes.subarray(begin, end),
    copy: (begin, target) => target.set(bytes.subarray(begin, begin + target.length)),
  }
}

/**
 * Runs `use` with the bytes of a file on the disk, which are read when they are asked for.
 *
 * @throws FormatError where the file can't be read, or loses bytes meanwhile
 */
export function withFileBytes<T>(path: string, use: (bytes: FileBytes) => T): T {
  const { closeSync, fstatSync, openSync, readSync } = nodeModule<typeof import('node:fs')>('node:fs', 'read')
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
  const file = tried(() => openSync(path, 'r'))
  try {
    const copy = (begin: number, target: Uint8Array): void => {
      for (let done = 0; done < target.length;) {
        const read = tried(() => readSync(file, target, done, target.length - done, begin + done))
        if (read === 0) refuse(`bytes up to ${begin + target.length}`, `an end at ${begin + done}`)
        done += read
      }
    }
    return use({
      length: tried(() => fstatSync(file).size),
      slice(begin, end) {
        const bytes = new Uint8Array(end - begin)
        copy(begin, bytes)
        return bytes
      },
      copy,
    })
  } finally {
    closeSync(file)
  }
}
