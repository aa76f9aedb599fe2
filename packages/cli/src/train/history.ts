import { appendFile, readFile } from 'node:fs/promises'
import { writeFileWhole } from 'heed/internals'

/** Something that belongs to a step. */
interface Stepped {
  readonly step: number
}

/** Lines are written out together, at most so many milliseconds after the first. */
const patience = 1000

/**
 * What happened in a run, step by step, as JSON lines in a file: appended while it trains, and cut back to the checkpoint's
 * step where a run is resumed. A line that a killed process left half written is passed over.
 */
export class History<T extends Stepped> {
  readonly #path: string
  readonly #entries: T[]
  #unwritten: string[] = []
  #since = 0

  private constructor(path: string, entries: T[]) {
    this.#path = path
    this.#entries = entries
  }

  /**
   * The history in `path` up to `step`; what comes after it is dropped from the file. With step −1 it begins anew.
   *
   * @throws {HeedError} where the file can't be written
   */
  static async open<T extends Stepped>(path: string, step: number): Promise<History<T>> {
    const entries = (await readLines<T>(path)).filter((entry) => entry.step <= step)
    await writeFileWhole(path, new TextEncoder().encode(entries.map(lineOf).join('')))
    return new History(path, entries)
  }

  get entries(): readonly T[] {
    return this.#entries
  }

  async add(entry: T): Promise<void> {
    this.#entries.push(entry)
    if (this.#unwritten.length === 0) this.#since = performance.now()
    this.#unwritten.push(lineOf(entry))
    if (performance.now() - this.#since >= patience) await this.flush()
  }

  /** Writes out what is still to be written. */
  async flush(): Promise<void> {
    if (this.#unwritten.length === 0) return
    const lines = this.#unwritten.join('')
    this.#unwritten = []
    await appendFile(this.#path, lines)
  }
}

function lineOf(entry: unknown): string {
  return `${JSON.stringify(entry)}\n`
}

async function readLines<T extends Stepped>(path: string): Promise<T[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    try {
      const entry = JSON.parse(line) as T
      return typeof entry?.step === 'number' ? [entry] : []
    } catch {
      return []
    }
  })
}
