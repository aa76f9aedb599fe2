import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskSettings } from 'heed'
import { readJson, writeFileWhole } from 'heed/internals'

/** In the output folder. */
const measurementsFile = 'measurements.json'

/**
 * What was measured of models, by a hash of what it depends on: a run that goes on, or is asked for one
 * measurement more, makes none of them twice.
 */
export class Measurements {
  readonly #path: string
  readonly #known: Record<string, unknown>

  private constructor(path: string, known: Readonly<Record<string, unknown>>) {
    this.#path = path
    this.#known = { ...known }
  }

  /** Those in an output folder; none where the file is damaged. */
  static async in(output: string): Promise<Measurements> {
    const path = join(output, measurementsFile)
    const text = await readFile(path, 'utf8').catch(() => '{}')
    const about = { operation: 'train', file: path, hint: 'remove the file: it is made again' }
    try {
      return new Measurements(path, readJson(text, about).plain() as Record<string, unknown>)
    } catch {
      return new Measurements(path, {})
    }
  }

  /**
   * What was found before, or is now.
   *
   * @param model its folder or file
   * @param settings of the task; models that these name count as they are
   * @param about all else that the measurement depends on, as plain data
   */
  async of<T>(model: string, settings: TaskSettings, about: unknown, work: () => Promise<T>): Promise<T> {
    const hash = createHash('sha256')
    const { first, rerank, towers } = settings
    for (const path of [model, first, rerank, towers])
      if (path !== undefined) hash.update(await digestOf(path))
    hash.update(JSON.stringify(settings))
    const key = hash.update(JSON.stringify(about)).digest('hex')
    const known = this.#known[key]
    if (known !== undefined) return known as T
    const found = await work()
    // JSON has no NaN: such a result is measured again.
    if (!isFinite(found)) return found
    this.#known[key] = found
    await writeFileWhole(this.#path, new TextEncoder().encode(`${JSON.stringify(this.#known)}\n`))
    return found
  }
}

/** Of a model's weights, configuration and tokenizer. */
async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  const isFolder = (await stat(path)).isDirectory()
  const names = isFolder ? (await readdir(path, { recursive: true })).toSorted() : ['']
  for (const name of names)
    if (!isFolder || /\.(safetensors|gguf|json|txt|model)$/.test(name))
      hash.update(`\0${name}\0`).update(await readFile(join(path, name)))
  return hash.digest('hex')
}

function isFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every(isFinite)
}
