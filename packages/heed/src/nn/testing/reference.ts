import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { valueAndGrad } from '../../autograd/index.js'
import { Device } from '../../device/index.js'
import { readSafetensors, type SafetensorsTensor } from '../../formats/index.js'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../../targets/index.js'
import { type AnyTensor, scope, sum, type Tensor, tensor, withDevice } from '../../tensor/index.js'

// Cases of layers that another implementation computed: a folder of safetensors files and a cases.json that
// tells what each holds (its README says more). Everything here goes by that file, so that cases made with
// other seeds and sizes run as well.

/**
 * A case as cases.json tells it. Constants stand beside these under their own names:
 * `constant(case, 'epsilon')`.
 */
export interface ReferenceCase {
  readonly name: string
  readonly file: string
  readonly definition?: string
  /**
   * Sizes of what goes in: inputs, integer tables, and `d_output`, the gradient that comes back (absent for
   * losses).
   */
  readonly inputs: Readonly<Record<string, readonly number[]>>
  /** Sizes of what comes out: `output`, others, and `d_<input>`. */
  readonly outputs: Readonly<Record<string, readonly number[]>>
  /** The largest |found − expected| of a result computed in f32. */
  readonly tolerance: Readonly<Record<string, number>>
}

/** The folder of that name under $HEED_SHARED/reference; undefined where there is none. */
export function referenceFolder(name: string): string | undefined {
  const shared = process.env['HEED_SHARED']
  if (shared === undefined || shared === '') return undefined
  const folder = join(shared, 'reference', name)
  return existsSync(join(folder, 'cases.json')) ? folder : undefined
}

/** The cases of a folder, in their order; none where HEED_SHARED is unset. */
export function referenceCases(name: string): ReferenceCase[] {
  const folder = referenceFolder(name)
  if (folder === undefined) return []
  return (JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as { cases: ReferenceCase[] }).cases
}

/** A constant of a case: `epsilon`, `smoothing`, … */
export function constant<T = number>(reference: ReferenceCase, name: string): T {
  const value = (reference as unknown as Record<string, unknown>)[name]
  if (value === undefined) throw new Error(`${reference.name}: no constant ${name}`)
  return value as T
}

/** The numbers of one case. */
export interface ReferenceNumbers {
  readonly names: readonly string[]
  shape(name: string): readonly number[]
  values(name: string): number[]
  isInteger(name: string): boolean
  /** A tensor on the current device: f32 or i32; `axes` names its axes in the file's order. */
  tensor<A extends string>(name: string, axes: readonly A[]): Tensor<A>
}

export function readReference(folder: string, reference: ReferenceCase): ReferenceNumbers {
  const { tensors } = readSafetensors(readFileSync(join(referenceFolder(folder)!, reference.file)))
  const get = (name: string): SafetensorsTensor => {
    const found = tensors.get(name)
    if (found === undefined) throw new Error(`${reference.name}: no tensor ${name}`)
    return found
  }
  const isInteger = (name: string): boolean => ['i64', 'i32', 'i8', 'u8', 'bool'].includes(get(name).dtype)
  const values = (name: string): number[] => Array.from(get(name).data as ArrayLike<number | bigint>, Number)
  return {
    names: [...tensors.keys()],
    shape: (name) => get(name).shape,
    values,
    isInteger,
    tensor<A extends string>(name: string, axes: readonly A[]) {
      const { shape } = get(name)
      if (shape.length !== axes.length)
        throw new Error(`${reference.name}: ${name} has ${shape.length} axes, named ${axes.join(', ')}`)
      const named = Object.fromEntries(axes.map((axis, i) => [axis, shape[i]!])) as Record<A, number>
      return tensor<A>(values(name), named, { dtype: isInteger(name) ? 'i32' : 'f32' })
    },
  }
}

/** Tensors by the names that they have in a case. */
export type NamedTensors = Readonly<Record<string, Tensor>>

/** How heed computes a case. */
export interface ReferenceLayer {
  /**
   * The axes of each tensor of the file that goes in or comes out, in the file's order. Gradients have those
   * of their input.
   */
  readonly axes: Readonly<Record<string, readonly string[]>>
  /** From the inputs to the results by name: `output`, and any others that the case holds. */
  readonly run: (inputs: NamedTensors, reference: ReferenceCase) => Readonly<Record<string, AnyTensor>>
}

/**
 * Runs a case forward and backward on a device and compares every result and every gradient that the case
 * holds: a device that computes in f64 within 2e-7 of the largest expected value, one in f32 within the
 * case's tolerance.
 */
export function checkReference(
  folder: string,
  reference: ReferenceCase,
  layer: ReferenceLayer,
  device: Device,
): void {
  withDevice(device, () =>
    scope(() => compareAll(readReference(folder, reference), reference, layer, device)),
  )
}

function compareAll(
  numbers: ReferenceNumbers,
  reference: ReferenceCase,
  { axes, run }: ReferenceLayer,
  device: Device,
): void {
  const axesOf = (name: string): readonly string[] => {
    const found = axes[name]
    if (found === undefined) throw new Error(`${reference.name}: name the axes of ${name}`)
    return found
  }
  const inputs: Record<string, Tensor> = {}
  for (const name of Object.keys(reference.inputs))
    if (name !== 'd_output') inputs[name] = numbers.tensor(name, axesOf(name)) as Tensor
  const wanted = Object.keys(inputs).filter((name) => `d_${name}` in reference.outputs)
  let results: Record<string, Float64Array> = {}
  const forward = (model: NamedTensors): Tensor<never> => {
    const found = run({ ...inputs, ...model }, reference)
    results = Object.fromEntries(
      Object.entries(found).map(([name, result]) => [
        name,
        Float64Array.from((result as Tensor).values(axesOf(name))),
      ]),
    )
    const output = found['output'] as Tensor
    const upstream = 'd_output' in reference.inputs ? numbers.tensor('d_output', axesOf('output')) : undefined
    return sum((upstream === undefined ? output : output.mul(upstream as Tensor)) as Tensor) as Tensor<never>
  }
  const model = Object.fromEntries(wanted.map((name) => [name, inputs[name]!]))
  const { gradient } = valueAndGrad(forward)(model)
  const compared = new Set<string>()
  const compare = (name: string, found: ArrayLike<number>): void => {
    expectClose(`${reference.name}: ${name}`, found, numbers.values(name), toleranceOf(name))
    compared.add(name)
  }
  const toleranceOf = (name: string): number =>
    numbers.isInteger(name)
      ? 0
      : device.floatBytes === 8
        ? Math.max(2e-7 * largestOf(numbers.values(name)), 1e-12)
        : reference.tolerance[name]!
  for (const [name, found] of Object.entries(results)) compare(name, found)
  for (const name of wanted) compare(`d_${name}`, (gradient[name] as Tensor).values(axesOf(name)))
  // Nothing that the case holds is passed over.
  expect([...compared].sort()).toEqual(Object.keys(reference.outputs).sort())
}

function largestOf(values: readonly number[]): number {
  return values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0)
}

/** Each |found − expected| ≤ tolerance; infinities must be the same. */
export function expectClose(
  what: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  expect(found.length, `${what}: number of elements`).toBe(expected.length)
  let worst = -1
  let most = tolerance
  for (let i = 0; i < expected.length; i++) {
    const difference = found[i] === expected[i] ? 0 : Math.abs(found[i]! - expected[i]!)
    if (!(difference <= most)) {
      worst = i
      most = difference
    }
  }
  expect(
    worst,
    `${what}: element ${worst} is ${found[worst]}, not ${expected[worst]}, within ${tolerance}`,
  ).toBe(-1)
}

/**
 * Every kind of target: the interpreter in f64; WebAssembly of 4 lanes with threads, of 8 without, and fused
 * where the engine has it.
 */
export const referenceDevices: readonly Device[] = [
  new Device(interpreter),
  new Device(wasmTarget({ lanes: 4, relaxed: false, shared: true }), { shared: true, threads: 2 }),
  new Device(wasmTarget({ lanes: 8, relaxed: wasmFeatures().relaxed, shared: false })),
  ...x64Widths().map((width) => new Device(x64Target({ width }))),
]

/** A device's name for test titles: `wasm, 4 lanes`. */
export function deviceTitle({ target: { machine } }: Device): string {
  return machine.name === 'interpreter' ? 'interpreter' : `${machine.name}, ${machine.lanes} lanes`
}
