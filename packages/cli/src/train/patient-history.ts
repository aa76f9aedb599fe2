import { History, type HistoryForm, type Reading } from './history.js'

/** Where a history stands, and how it is read. */
export interface Opening<T> {
  readonly path: string
  readonly reading: Reading<T>
  readonly form?: HistoryForm
  /** Told once it is open, before the entries that waited are put behind those that were read. */
  readonly opened?: (history: History<T>, waiting: readonly T[]) => void | Promise<void>
}

/**
 * A history that a run can do without. Where the disk refuses to open it, entries wait; it is opened when
 * they are to be on the disk.
 */
export class PatientHistory<T> {
  readonly #opening: () => Opening<T> | Promise<Opening<T>>
  #history: History<T> | undefined
  #waiting: T[] = []

  /** @param opening asked each time that it is tried */
  constructor(opening: () => Opening<T> | Promise<Opening<T>>) {
    this.#opening = opening
  }

  /** The open history. @throws {HeedError} where the file can't be read or written */
  async open(): Promise<History<T>> {
    if (this.#history !== undefined) return this.#history
    const { path, reading, form, opened } = await this.#opening()
    const history = await History.open(path, reading, form)
    await opened?.(history, this.#waiting)
    this.#history = history
    for (const entry of this.#waiting.splice(0)) await history.add(entry)
    return history
  }

  async add(entry: T): Promise<void> {
    if (this.#history === undefined) this.#waiting.push(entry)
    else await this.#history.add(entry)
  }

  /** Puts all entries on the disk. @throws {HeedError} where it refuses; they wait on */
  async flush(): Promise<void> {
    await (await this.open()).flush()
  }

  async close(): Promise<void> {
    await this.#history?.close()
  }
}
