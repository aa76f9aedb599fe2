import { createReadStream } from 'node:fs'
import { open, truncate, type FileHandle } from 'node:fs/promises'
import {
  HeedError,
  readTensorBoardRecord,
  tensorBoardRecord,
  tensorBoardRecordLength,
  type TensorBoardEvent,
} from 'heed'

/** How entries stand in a file, one behind the other. */
export interface HistoryForm {
  readonly bytesOf: (entry: unknown) => Uint8Array
  /**
   * The value of a file's entry, which may throw or be undefined where it is none, and how many bytes it has.
   */
  readonly entriesOf: (
    path: string,
  ) => AsyncIterable<{ readonly value: () => unknown; readonly length: number }>
}

/** How the entries of a history are read. */
export interface Reading<T> {
  /** An entry from its value in the file; undefined where it is none. */
  readonly parse: (value: unknown) => T | undefined
  /** Whether it belongs to the run up to the step that it goes on from. */
  readonly keep: (entry: T) => boolean
  /** Told of every entry that is kept, in order. */
  readonly each: (entry: T) => void
}

/** A longer line is damaged, in bytes: a frame of a film takes some megabytes. */
const longestLine = 2 ** 28
/** Lines are written out together, at most so many milliseconds after the first. */
const patience = 1000

/** A JSON value a line. */
export const jsonLines: HistoryForm = {
  bytesOf: (entry) => Buffer.from(`${JSON.stringify(entry)}\n`),
  async *entriesOf(path) {
    for await (const { line, length } of lines(path))
      yield { length, value: () => line && (JSON.parse(line.toString('utf8')) as unknown) }
  },
}

/** The records of a TensorBoard event file. */
export const eventRecords: HistoryForm = {
  bytesOf: (entry) => tensorBoardRecord(entry as TensorBoardEvent),
  async *entriesOf(path) {
    let held: Buffer = Buffer.alloc(0)
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk])
      for (;;) {
        const length = tensorBoardRecordLength(held)
        if (length === undefined || length > held.length) break
        const record = held.subarray(0, length)
        held = held.subarray(length)
        yield { length, value: () => readTensorBoardRecord(record) }
      }
    }
  },
}

/**
 * What happened in a run, step by step, one entry behind the other in a file. Entries are appended while it
 * trains; before a checkpoint all must be on the disk (`flush`). Where a run is resumed, the file is cut back
 * to the checkpoint's step, so that no entry is lost and none is there twice, whenever the run was killed.
 */
export class History<T> {
  readonly #path: string
  readonly #file: FileHandle
  readonly #form: HistoryForm
  /** Bytes that are on the disk, or at least with the system: what is not written yet belongs behind them. */
  #length: number
  #unwritten: Uint8Array[] = []
  #since = 0
  /** Entries that are none, counted from 1. They stay in the file. */
  readonly damaged: readonly number[]

  private constructor(
    path: string,
    file: FileHandle,
    form: HistoryForm,
    { length, damaged }: { readonly length: number; readonly damaged: readonly number[] },
  ) {
    this.#path = path
    this.#file = file
    this.#form = form
    this.#length = length
    this.damaged = damaged
  }

  /**
   * The history in `path`: what comes after the last entry that is kept is cut off, such as a line that a
   * killed process left half written.
   *
   * @throws {HeedError} where the file can't be read or written
   */
  static async open<T>(
    path: string,
    reading: Reading<T>,
    form: HistoryForm = jsonLines,
  ): Promise<History<T>> {
    return refusing(path, 'to read and write', async () => {
      const file = await open(path, 'a+')
      await file.close()
      const read = await readEntries(path, reading, form)
      await truncate(path, read.length)
      return new History<T>(path, await open(path, 'r+'), form, read)
    })
  }

  /** Whether nothing is in it. */
  get isEmpty(): boolean {
    return this.#length === 0 && this.#unwritten.length === 0
  }

  async add(entry: T): Promise<void> {
    if (this.#unwritten.length === 0) this.#since = performance.now()
    this.#unwritten.push(this.#form.bytesOf(entry))
    // What can't be written now stays here: it must be on the disk before the next checkpoint, not earlier.
    if (performance.now() - this.#since >= patience) await this.#write().catch(() => {})
  }

  /** @throws {HeedError} where the disk refuses; the lines are kept, and written the next time */
  async flush(): Promise<void> {
    await refusing(this.#path, 'to write', async () => {
      await this.#write()
      await this.#file.sync()
    })
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #write(): Promise<void> {
    const count = this.#unwritten.length
    const bytes = Buffer.concat(this.#unwritten)
    // Always behind what is written whole: what a write that failed left there is written over.
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#length + done)
      done += bytesWritten
    }
    this.#length += bytes.length
    this.#unwritten = this.#unwritten.slice(count)
  }
}

/** Where the last entry that is kept ends, in bytes; and which ones before it are none. */
async function readEntries<T>(
  path: string,
  { parse, keep, each }: Reading<T>,
  form: HistoryForm,
): Promise<{ length: number; damaged: number[] }> {
  const damaged: number[] = []
  const all: number[] = []
  let [length, at, number] = [0, 0, 0]
  for await (const found of form.entriesOf(path)) {
    number++
    at += found.length
    const entry = entryOf(found.value, parse)
    if (entry === undefined) all.push(number)
    else if (keep(entry)) {
      each(entry)
      length = at
      damaged.push(...all.splice(0))
    }
  }
  return { length, damaged }
}

function entryOf<T>(value: () => unknown, parse: (value: unknown) => T | undefined): T | undefined {
  try {
    return parse(value())
  } catch {
    return undefined
  }
}

/**
 * The whole lines of a file: their bytes without the end, undefined where they are too many, and how many
 * with it.
 */
async function* lines(path: string): AsyncGenerator<{ line: Buffer | undefined; length: number }> {
  let parts: Buffer[] = []
  let length = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end))
      length += end + 1 - start
      yield { line: length > longestLine ? undefined : Buffer.concat(parts), length }
      parts = []
      length = 0
      start = end + 1
    }
    length += chunk.length - start
    if (length > longestLine) parts = []
    else parts.push(chunk.subarray(start))
  }
}

async function refusing<R>(path: string, what: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work()
  } catch (cause) {
    throw new HeedError({
      operation: 'train',
      expected: `${what} '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the file may be written to and the disk has room',
      cause,
    })
  }
}
