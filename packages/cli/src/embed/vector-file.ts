import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type FolderLock, StateError } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { takePartialFolder, writeAll } from '../partial-folder.js'

/**
 * Vectors on their way to a file. They are gathered in the folder `FILE.partial`, which also says how many
 * are there and of which work, so that work that was stopped goes on. `FILE` appears when all are there.
 */
export interface VectorFile {
  /** Vectors that are there. */
  readonly rows: number
  append(texts: readonly string[], vectors: readonly Float32Array[]): Promise<void>
  /** All are there: gives the file its name. */
  finish(): Promise<void>
  close(): Promise<void>
}

interface Begun {
  readonly key: string
  readonly rows: number
  readonly bytes: number
}

/**
 * Opens a file for vectors of `width` numbers; goes on with what an earlier process left of the same work.
 * One process at a time has it.
 *
 * @throws {StateError} where another process writes it, or what is left there is of other work
 * @throws {HeedError} where the disk refuses
 * @param path ends in `.npy` (NumPy's format, version 1.0, float32) or `.jsonl`
 * @param key tells the work from others
 */
export async function openVectorFile(path: string, width: number, key: string): Promise<VectorFile> {
  const { path: partial, lock } = await takePartialFolder(path, 'embed', 'vectors')
  try {
    return await opened(path, partial, width, key, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function opened(
  path: string,
  partial: string,
  width: number,
  key: string,
  lock: FolderLock,
): Promise<VectorFile> {
  const gathered = join(partial, 'vectors')
  const note = join(partial, 'progress.json')
  const begun = await begunIn(note, key)
  if (begun === undefined && (await stat(note).catch(() => undefined)) !== undefined)
    throw new StateError({
      operation: 'embed',
      expected: `'${partial}' to be of the same texts, model and options`,
      found: 'what other work has left',
      hint: `give the command that began it, or remove '${partial}'`,
    })
  const isArray = path.endsWith('.npy')
  const head = isArray ? npyHead(0, width) : new Uint8Array(0)
  const file = await open(gathered, begun === undefined ? 'w+' : 'r+')
  let rows = begun?.rows ?? 0
  let bytes = begun?.bytes ?? head.length
  if (begun === undefined) await file.write(head)
  await file.truncate(bytes)
  return {
    get rows() {
      return rows
    },
    async append(texts, vectors) {
      const part = isArray ? numbersOf(vectors, width) : linesOf(texts, vectors)
      await writeAll(file, part, bytes)
      await file.datasync()
      rows += vectors.length
      bytes += part.length
      const now: Begun = { key, rows, bytes }
      await writeFileWhole(note, new TextEncoder().encode(JSON.stringify(now)))
    },
    async finish() {
      if (isArray) await writeAll(file, npyHead(rows, width), 0)
      await file.sync()
      await rename(gathered, path)
      await rm(partial, { recursive: true, force: true })
    },
    async close() {
      await file.close()
      lock.release()
    },
  }
}

async function begunIn(note: string, key: string): Promise<Begun | undefined> {
  try {
    const begun = JSON.parse(await readFile(note, 'utf8')) as Begun
    return begun.key === key && Number.isSafeInteger(begun.rows) && Number.isSafeInteger(begun.bytes)
      ? begun
      : undefined
  } catch {
    return undefined
  }
}

function numbersOf(vectors: readonly Float32Array[], width: number): Uint8Array {
  const numbers = new Float32Array(vectors.length * width)
  vectors.forEach((vector, row) => numbers.set(vector, row * width))
  return new Uint8Array(numbers.buffer)
}

function linesOf(texts: readonly string[], vectors: readonly Float32Array[]): Uint8Array {
  return new TextEncoder().encode(texts.map((text, i) => `${jsonLine(text, vectors[i]!)}\n`).join(''))
}

/** A text and its vector as a line of JSON: seven digits, which is all that 32-bit floats have. */
export function jsonLine(text: string, vector: Float32Array): string {
  const numbers = Array.from(vector, (value) => Number(value.toPrecision(7)))
  return JSON.stringify({ text, embedding: numbers })
}

/**
 * The head of a `.npy` file of rows × width little-endian floats (numpy.lib.format): always of one length, so
 * that the number of rows can be put in at the end.
 */
export function npyHead(rows: number, width: number): Uint8Array {
  const length = 128
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`
  const head = new Uint8Array(length).fill(0x20)
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length - 10, 0])
  head.set(new TextEncoder().encode(description), 10)
  head[length - 1] = 0x0a
  return head
}
