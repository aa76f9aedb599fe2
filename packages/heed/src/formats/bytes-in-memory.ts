/** The bytes of a file: in memory, or still on the disk. */
export interface FileBytes {
  readonly length: number
  /** For errors. */
  readonly path: string | undefined
  /** Bytes `begin` … `end` − 1: a view of what is in memory, else a new copy. */
  slice(begin: number, end: number): Uint8Array
  /** Copies the bytes from `begin` on over all of `target`. */
  copy(begin: number, target: Uint8Array): void
}

export function bytesInMemory(bytes: Uint8Array, path?: string): FileBytes {
  return {
    length: bytes.length,
    path,
    slice: (begin, end) => bytes.subarray(begin, end),
    copy: (begin, target) => target.set(bytes.subarray(begin, begin + target.length)),
  }
}
