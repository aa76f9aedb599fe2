import { mkdir, type FileHandle } from 'node:fs/promises'
import { type FolderLock, HeedError, lockFolder } from 'heed'

/** The folder in which a process gathers what becomes a file, which it alone has. */
export interface PartialFolder {
  /** `FILE.partial` */
  readonly path: string
  readonly lock: FolderLock
}

/**
 * Takes the folder `FILE.partial` for what becomes `FILE`, so that work that was stopped goes on.
 *
 * @param operation who asks, for errors
 * @param what what is gathered there: 'vectors'
 * @throws {StateError} where another process has it
 * @throws {HeedError} where the disk refuses
 */
export async function takePartialFolder(
  file: string,
  operation: string,
  what: string,
): Promise<PartialFolder> {
  const path = `${file}.partial`
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw new HeedError({
      operation,
      expected: `to gather ${what} in '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder around it exists and may be written to',
      cause,
    })
  })
  return { path, lock: await lockFolder(path, 'work') }
}

/**
 * Writes all bytes.
 *
 * @param at where in the file; left out: where it stands
 * @throws {HeedError} where the disk refuses, as one that is full does
 */
export async function writeAll(file: FileHandle, bytes: Uint8Array, at?: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) {
      const place = at === undefined ? null : at + done
      done += (await file.write(bytes, done, bytes.length - done, place)).bytesWritten
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
    throw new HeedError({
      operation: 'write results',
      expected: `room for ${bytes.length} bytes more`,
      found: 'a full disk',
      hint: 'make room; the same command goes on from here',
      cause,
    })
  }
}
