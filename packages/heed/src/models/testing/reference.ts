/** What other implementations computed with models in the hub's layout: cases and their tensors. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors, type SafetensorsTensor } from '../../formats/index.js'
import { tensor, type Tensor } from '../../tensor/index.js'

const shared = process.env['HEED_SHARED']
/** The folder of models, where it is there. */
export const referenceModels: string | undefined =
  shared !== undefined && existsSync(join(shared, 'reference/models'))
    ? join(shared, 'reference/models')
    : undefined
/** One case: what goes in, and what comes out, as names of tensors. */
export interface ModelCase {
  readonly name: string
  readonly inputs: Readonly<Record<string, string>>
  readonly outputs: Readonly<Record<string, string | Readonly<Record<string, string>>>>
}

/** A folder of the reference. */
export interface ModelReference {
  readonly name: string
  readonly folder: string
  readonly cases: readonly ModelCase[]
  /** The file `cases.json` as it stands. */
  readonly json: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
}

/** Names of the folders whose `model_type` is one of these. */
export function referenceFolders(types: readonly string[]): string[] {
  if (referenceModels === undefined) return []
  return readdirSync(referenceModels)
    .sort()
    .filter((name) => {
      const config = join(referenceModels, name, 'config.json')
      if (!existsSync(config)) return false
      const { model_type: type } = JSON.parse(readFileSync(config, 'utf8')) as { model_type?: string }
      return type !== undefined && types.includes(type)
    })
}

/** These folders; where there is no reference, a name that says why the test is skipped. */
export function foldersOr(types: readonly string[]): string[] {
  return referenceModels === undefined
    ? ['HEED_SHARED names no folder with reference/models']
    : referenceFolders(types)
}

export function readReference(name: string): ModelReference {
  const folder = join(referenceModels!, name)
  const json = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as {
    cases: readonly ModelCase[]
  } & Record<string, unknown>
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))))
  return { name, folder, cases: json.cases, json, tensors }
}

/** A tensor of the case as i32. */
export function integersOf(
  { tensors }: ModelReference,
  name: string,
): { readonly values: Int32Array; readonly shape: readonly number[] } {
  const stored = tensors.get(name)!
  return { values: Int32Array.from(stored.toFloat32()), shape: stored.shape }
}

export function idsOf(
  reference: ModelReference,
  name: string,
): { readonly ids: Tensor<'batch' | 'position'>; readonly rows: number; readonly length: number } {
  const { values, shape } = integersOf(reference, name)
  const [rows, length] = shape as [number, number]
  return { ids: tensor(values, { batch: rows, position: length }, { dtype: 'i32' }), rows, length }
}

/**
 * How far `found` is from the expected tensor at worst: the absolute difference, or the relative one where
 * that is smaller. `counts(i)` says whether number i of the first two axes (batch, position) is compared.
 */
export function largestDifference(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  counts: (index: number) => boolean = () => true,
): number {
  if (found.length !== expected.length) return Infinity
  let largest = 0
  for (let i = 0; i < found.length; i++) {
    if (!counts(i)) continue
    const difference = Math.abs(found[i]! - expected[i]!)
    const least = difference / Math.max(1, Math.abs(expected[i]!))
    if (!(least <= largest)) largest = Number.isNaN(difference) ? Infinity : least
  }
  return largest
}
