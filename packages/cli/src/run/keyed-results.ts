import { createHash } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { takePartialFolder, writeAll } from '../partial-folder.js'

/** A result that is known by what it is of. */
export interface KeyedResult {
  /** See {@link keyOf}. */
  readonly key: string
  /** JSON. */
  readonly text: string
}

/**
 * Results on their way to a file, each known by a key. They are gathered in `FILE.partial/results`, a line
 * each, which only grows; so a process that goes on finds all that were there. `FILE` appears when all are
 * there.
 */
export interface KeyedResults {
  /** How many there are. */
  readonly count: number
  has(key: string): boolean
  /** They are on the disk when it resolves. A result that is there already stays. */
  append(results: readonly KeyedResult[]): Promise<void>
  /** The JSON of a result that is there. */
  read(key: string): Promise<string>
  /** Writes the file whole, from its lines. Then nothing partial is left. */
  finish(lines: AsyncIterable<string>): Promise<void>
  close(): Promise<void>
}

/** The key of a result: a hash of what it depends on, written as JSON. */
export function keyOf(...of: readonly unknown[]): string {
  return hash(JSON.stringify(of), 32)
}

function hash(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits)
}

/** `key check JSON`: the check tells a line that was written whole from one that a crash has left. */
const lineForm = /^([0-9a-f]{32}) ([0-9a-f]{8}) /
const headLength = 32 + 1 + 8 + 1

interface Span {
  readonly at: number
  readonly length: number
}

/**
 * Opens the results for `path`, and goes on with those that earlier processes have left. One process at a
 * time has them.
 *
 * @throws {StateError} where another process has them
 * @throws {HeedError} where the disk refuses
 */
export async function openKeyedResults(path: string): Promise<KeyedResults> {
  const { path: folder, lock } = await takePartialFolder(path, 'run', 'results')
  let file: FileHandle | undefined
  try {
    file = await open(join(folder, 'results'), 'a+')
    const { spans, end } = await whole(file)
    await file.truncate(end)
    return keyedResults(path, folder, file, spans, end, () => lock.release())
  } catch (error) {
    await file?.close()
    lock.release()
    throw error
  }
}

function keyedResults(
  path: string,
  folder: string,
  file: FileHandle,
  spans: Map<string, Span>,
  begin: number,
  release: () => void,
): KeyedResults {
  let end = begin
  return {
    get count() {
      return spans.size
    },
    has: (key) => spans.has(key),
    async append(given) {
      const results = given.filter(
        ({ key }, i) => !spans.has(key) && given.findIndex((one) => one.key === key) === i,
      )
      const lines = results.map(({ key, text }) => Buffer.from(`${key} ${hash(text, 8)} ${text}\n`))
      await writeAll(file, Buffer.concat(lines))
      await file.datasync()
      lines.forEach((line, i) => {
        spans.set(results[i]!.key, { at: end + headLength, length: line.length - headLength - 1 })
        end += line.length
      })
    },
    async read(key) {
      const { at, length } = spans.get(key)!
      return (await readAll(file, at, length)).toString('utf8')
    },
    async finish(lines) {
      const written = join(folder, 'output')
      const output = await open(written, 'w')
      try {
        let held: string[] = []
        let size = 0
        const flush = async (): Promise<void> => {
          await writeAll(output, Buffer.from(held.join('')))
          held = []
          size = 0
        }
        for await (const line of lines) {
          held.push(`${line}\n`)
          size += line.length
          if (size > 2 ** 20) await flush()
        }
        await flush()
        await output.sync()
      } finally {
        await output.close()
      }
      await rename(written, path)
      await rm(folder, { recursive: true, force: true })
    },
    async close() {
      await file.close()
      release()
    },
  }
}

/** The results that were written whole, and where the last of them ends. */
async function whole(file: FileHandle): Promise<{ spans: Map<string, Span>; end: number }> {
  const spans = new Map<string, Span>()
  let held = Buffer.alloc(0)
  let end = 0
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2 ** 20), 0, 2 ** 20, end + held.length)
    if (bytesRead === 0) return { spans, end }
    held = Buffer.concat([held, buffer.subarray(0, bytesRead)])
    let start = 0
    for (let stop = held.indexOf(10); stop >= 0; stop = held.indexOf(10, start)) {
      const line = held.toString('utf8', start, stop)
      const head = lineForm.exec(line)
      if (head === null || hash(line.slice(headLength), 8) !== head[2]) return { spans, end }
      spans.set(head[1]!, { at: end + headLength, length: stop - start - headLength })
      end += stop + 1 - start
      start = stop + 1
    }
    held = held.subarray(start)
  }
}

async function readAll(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done)
    if (bytesRead === 0) throw new Error('the results are shorter than they were')
    done += bytesRead
  }
  return bytes
}
