import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readSafetensors } from '../../formats/index.js'

/** What another implementation computed, as reference/training/cases.json tells it. */
export interface TrainingCase {
  readonly name: string
  readonly file: string
  readonly kind: 'optimizer' | 'clipping' | 'schedule' | 'model'
  readonly tolerance: Readonly<Record<string, number>>
}

export interface OptimizerCase extends TrainingCase {
  readonly kind: 'optimizer'
  readonly shapes: readonly (readonly number[])[]
  readonly options: Readonly<Record<string, number | boolean | readonly number[]>>
}

export interface ClippingCase extends TrainingCase {
  readonly kind: 'clipping'
  readonly maximum: number
}

export interface ScheduleCase extends TrainingCase {
  readonly kind: 'schedule'
  readonly warm_up: number
  readonly total: number
  readonly peak: number
  readonly minimum: number
  readonly width: number
}

export interface ModelCase extends TrainingCase {
  readonly kind: 'model'
  readonly steps: number
  readonly clip: number
  readonly config: Readonly<Record<string, number | string>>
  /** What a run of it gives, by name. */
  readonly outputs: Readonly<Record<string, readonly number[]>>
  readonly optimizer: {
    readonly name: string
    readonly lr: number | string
    readonly betas: [number, number]
    readonly eps: number
    readonly decay: number | string
  }
  readonly trained?: readonly string[]
}

const shared = process.env['HEED_SHARED']
/** HEED_TRAINING_REFERENCE names another folder: the same cases made with another seed. */
const folder = process.env['HEED_TRAINING_REFERENCE'] ?? (shared && join(shared, 'reference', 'training'))

export const referenceFolder: string | undefined =
  folder !== undefined && existsSync(folder) ? folder : undefined

export function trainingCases<K extends TrainingCase['kind']>(
  kind: K,
): readonly Extract<OptimizerCase | ClippingCase | ScheduleCase | ModelCase, { kind: K }>[] {
  if (referenceFolder === undefined) return []
  const { cases } = JSON.parse(readFileSync(join(referenceFolder, 'cases.json'), 'utf8')) as {
    cases: readonly TrainingCase[]
  }
  return cases.filter((reference) => reference.kind === kind) as never
}

export interface ReferenceTensor {
  readonly shape: readonly number[]
  readonly values: Float64Array
}

/** The tensors of a case, by name. */
export function tensorsOf(reference: TrainingCase): ReadonlyMap<string, ReferenceTensor> {
  const { tensors } = readSafetensors(readFileSync(join(referenceFolder!, reference.file)))
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, values: Float64Array.from(data as ArrayLike<number | bigint>, Number) },
    ]),
  )
}

interface Allowed {
  /** The case's, for f32. */
  readonly tolerance: number
  /**
   * In f64: of the largest expected value (what rounding to f32 on the reference's side takes, and what the
   * steps make of it).
   */
  readonly relative?: number | undefined
}

function limit(expected: ArrayLike<number>, { tolerance, relative }: Allowed): number {
  if (relative === undefined) return tolerance
  let largest = 0
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!))
  // Gradients that are 0 in exact arithmetic are rounding noise on either side.
  return Math.max(relative * largest, 1e-13)
}

/** The elements that are further from the reference's than is allowed. */
export function elementsOutside(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  allowed: Allowed,
): number[] {
  const most = limit(expected, allowed)
  return Array.from({ length: found.length }, (_, i) => i).filter(
    (i) => !(Math.abs(found[i]! - expected[i]!) <= most),
  )
}

/** Holds found numbers to the reference's. */
export function expectClose(
  name: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  allowed: Allowed,
): void {
  expect(found.length, name).toBe(expected.length)
  const [at] = elementsOutside(found, expected, allowed)
  expect(
    at,
    `${name}: element ${at} is ${found[at ?? 0]}, not ${expected[at ?? 0]}, within ${limit(expected, allowed)}`,
  ).toBe(undefined)
}
