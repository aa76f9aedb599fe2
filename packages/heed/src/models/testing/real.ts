/** Real weights, and what they give: folders of `reference/real` and of the fetched weights. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readSafetensors } from '../../formats/index.js'

const shared = process.env['HEED_SHARED'] ?? ''
const fetched = process.env['HEED_REFERENCE_WEIGHTS'] ?? ''

/** Whether there is what a test of these weights needs. */
export function hasReal(reference: string, weights: string): boolean {
  return (
    existsSync(join(shared, 'reference/real', reference, 'cases.json')) && existsSync(join(fetched, weights))
  )
}

/** The folder of a reference, where weights that are small lie beside their numbers. */
export function realFolder(reference: string): string {
  return join(shared, 'reference/real', reference)
}

/** What a test of real weights is called where it is skipped. */
export const realNote = 'set HEED_SHARED and HEED_REFERENCE_WEIGHTS, with these weights fetched, to run'

export interface RealReference<Json> {
  /** `cases.json` */
  readonly json: Json
  /** The numbers of a tensor. */
  readonly numbers: (name: string) => Float32Array
  readonly shape: (name: string) => readonly number[]
}

export function readReal<Json>(reference: string): RealReference<Json> {
  const folder = realFolder(reference)
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))))
  return {
    json: JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Json,
    numbers: (name) => tensors.get(name)!.toFloat32(),
    shape: (name) => tensors.get(name)!.shape,
  }
}

export function weightsFolder(weights: string): string {
  return join(fetched, weights)
}

/** A packed text file of the data. */
export function dataText(...path: readonly string[]): string {
  return gunzipSync(readFileSync(join(shared, 'data', ...path))).toString('utf8')
}
