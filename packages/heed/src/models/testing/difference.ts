/** What a model computes against what the reference has for the same case. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { treeTensors } from '../../checkpoint/index.js'
import type { AnyTensor, Tensor } from '../../tensor/index.js'
import type { Architecture, LoadedModel } from '../index.js'
import { integersOf, largestDifference, type ModelCase, type ModelReference } from './reference.js'

/** How far numbers may be from the reference, absolutely or relatively. */
export const tolerance = 1e-4

/** Compares with one case; `wrong` says what is further away than it may be. */
export class CaseCheck {
  readonly wrong: string[] = []
  readonly #reference: ModelReference
  /** 1 where a position counts. */
  readonly #real: Int32Array
  readonly #rows: number
  readonly #length: number

  constructor(reference: ModelReference, one: ModelCase) {
    const { values, shape } = integersOf(reference, one.inputs['attention_mask']!)
    this.#reference = reference
    this.#real = values
    ;[this.#rows, this.#length] = shape as [number, number]
  }

  /** Of what has the axes batch position …, or batch …, the positions that are real. */
  states(found: AnyTensor, axes: readonly string[], expected: string): void {
    const numbers = this.#numbers(expected)
    const each = numbers.length / (this.#rows * this.#length)
    const byPosition = axes.includes('position')
    this.#compare(
      found,
      axes,
      numbers,
      expected,
      (i) => !byPosition || this.#real[Math.floor(i / each)] === 1,
    )
  }

  /** A filter, by batch head query key: the rows of real queries. */
  filter(found: AnyTensor, expected: string): void {
    const numbers = this.#numbers(expected)
    const length = this.#length
    const heads = numbers.length / this.#rows / length / length
    this.#compare(found, ['batch', 'head', 'query', 'key'], numbers, expected, (i) => {
      const row = Math.floor(i / (length * length * heads))
      return this.#real[row * length + (Math.floor(i / length) % length)] === 1
    })
  }

  #numbers(expected: string): Float32Array {
    return this.#reference.tensors.get(expected)!.toFloat32()
  }

  #compare(
    found: AnyTensor,
    axes: readonly string[],
    numbers: Float32Array,
    expected: string,
    counts: (i: number) => boolean,
  ): void {
    const difference = largestDifference((found as Tensor).values(axes), numbers, counts)
    if (!(difference < tolerance)) this.wrong.push(`${expected}: ${difference}`)
  }
}

/** The names of tensors that writing the model back changes, leaves out or adds. */
export function writtenUnlike({ architecture, config, model, stored }: LoadedModel): string[] {
  const bindings = (architecture as Architecture).bindings(config as never)
  const written = treeTensors(model, bindings)
  return stored.weights(({ tensors }) => {
    const unlike = [...tensors].filter(([one, inFile]) => {
      const own = written.get(one)
      return own?.shape.join() !== inFile.shape.join() || !equalBits(own.data, inFile.toFloat32())
    })
    return [...unlike.map(([one]) => one), ...[...written.keys()].filter((one) => !tensors.has(one))]
  })
}

function equalBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [first, second] = [a, b].map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength))
  return first!.equals(second!)
}

/**
 * Runs `use` with a copy of the folder in which files of older spellings stand in the place of the others.
 */
export async function withLegacy<T>(
  folder: string,
  use: (folder: string) => T | Promise<T>,
): Promise<Awaited<T>> {
  const copy = mkdtempSync(join(tmpdir(), 'heed-legacy-'))
  try {
    const files = readdirSync(folder)
    for (const file of files)
      if (/^(config|generation_config|model|tokenizer).*json$|^model-.*safetensors$/.test(file))
        copyFileSync(join(folder, file), join(copy, file))
    for (const file of ['config.json', 'model.safetensors']) {
      const legacy = file.replace('.', '.legacy.')
      const from = files.includes(legacy) ? legacy : file
      if (existsSync(join(folder, from))) copyFileSync(join(folder, from), join(copy, file))
    }
    return await use(copy)
  } finally {
    rmSync(copy, { recursive: true })
  }
}
