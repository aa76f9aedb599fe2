import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileWhole } from 'heed/internals'

/** In the output folder. */
const clockFile = 'clock.json'

/** Seconds of training, those before a stop included. */
export class Clock {
  readonly #path: string
  #before: number
  /** When it was started; undefined: it stands. */
  #since: number | undefined

  private constructor(path: string, before: number) {
    this.#path = path
    this.#before = before
  }

  static async of(output: string): Promise<Clock> {
    const path = join(output, clockFile)
    const text = await readFile(path, 'utf8').catch(() => '')
    const seconds = Number(/^\{"seconds":([\d.]+)\}$/.exec(text)?.[1] ?? 0)
    return new Clock(path, seconds)
  }

  get seconds(): number {
    return this.#before + (this.#since === undefined ? 0 : (performance.now() - this.#since) / 1000)
  }

  start(): void {
    this.#since = performance.now()
  }

  stop(): void {
    this.#before = this.seconds
    this.#since = undefined
  }

  async save(): Promise<void> {
    const text = JSON.stringify({ seconds: Number(this.seconds.toFixed(1)) })
    await writeFileWhole(this.#path, new TextEncoder().encode(text))
  }
}
