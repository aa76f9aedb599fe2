import type { Builder, Term, Type } from '../../kernels/index.js'
import { assemble, kernel } from '../../kernels/index.js'
import type { Kernel, ParameterType } from '../../kernels/index.js'
import type { Target } from '../target.js'
import { wasmFeatures, wasmTarget } from '../wasm/index.js'
import { x64Widths, x64Target } from '../x64/index.js'

/** A form of a target. */
export interface Variant {
  readonly name: string
  readonly lanes: number
  readonly target: (shared: boolean) => Target
}

/**
 * Every form of every target that this machine runs; the interpreter, which has one lane, has tests of its
 * own.
 */
export const variants: readonly Variant[] = [
  ...([4, 8] as const).flatMap((lanes) =>
    [false, ...(wasmFeatures().relaxed ? [true] : [])].map((relaxed) => ({
      name: `wasm, ${lanes} lanes, relaxed ${relaxed}`,
      lanes,
      target: (shared: boolean) => wasmTarget({ lanes, relaxed, shared }),
    })),
  ),
  ...x64Widths().map((width) => ({
    name: `x64, ${width} bits`,
    lanes: width / 32,
    target: () => x64Target({ width }),
  })),
]
export const base = 1024
export const f = Math.fround

/**
 * Runs one task of a kernel on a page of memory whose data starts at byte 1024; parameters are i32 (or f32).
 */
export function launch<const P extends Readonly<Record<string, ParameterType>>>(
  source: Kernel<P>,
  variant: Variant,
  parameters: readonly number[],
  fill: (heap: Heap) => void,
  tasks = 1,
  pages = 1,
  shared = true,
): Heap {
  const target = variant.target(shared)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
  const heap = {
    f32: new Float32Array(memory.buffer),
    i32: new Int32Array(memory.buffer),
    u8: new Uint8Array(memory.buffer),
    u16: new Uint16Array(memory.buffer),
  }
  Object.values(source.parameters).forEach((type, index) => {
    ;(type === 'f32' ? heap.f32 : heap.i32)[16 + 2 * index] = parameters[index]!
  })
  fill(heap)
  target.load(target.emit(assemble(source, target.machine)), memory)(64, 0, tasks, 512)
  return heap
}
export interface Heap {
  readonly f32: Float32Array
  readonly i32: Int32Array
  readonly u8: Uint8Array
  readonly u16: Uint16Array
}

/** Applies `write` to vectors (or scalars) of a, b and c and gives the results, element by element. */
export function apply(
  variant: Variant,
  kind: 'float' | 'int',
  scalar: boolean,
  inputs: readonly (readonly number[])[],
  write: (k: Builder, a: Term<Type>, b: Term<Type>, c: Term<Type>) => Term<Type>,
): number[] {
  const count = Math.ceil(inputs[0]!.length / variant.lanes) * variant.lanes
  const source = kernel(
    'apply',
    { x: kind === 'float' ? 'f32*' : 'i32*', count: 'i32' },
    (k, { x, count }) => {
      k.loop(0, count, scalar ? 1 : variant.lanes, (i) => {
        const take = (n: number): Term<Type> =>
          (scalar
            ? k.loadScalar(x.at(count.mul(n)).at(i))
            : k.load(x.at(count.mul(n)).at(i))) as unknown as Term<Type>
        const result = write(k, take(0), take(1), take(2))
        const float = result.type === 'f32' || result.type === 'vector'
        k.store(
          x
            .as(float ? 'f32' : 'i32')
            .at(count.mul(3))
            .at(i),
          result as never,
        )
      })
    },
  )
  const heap = launch(source, variant, [base, count], (heap) => {
    inputs.forEach((values, n) => (kind === 'float' ? heap.f32 : heap.i32).set(values, base / 4 + n * count))
  })
  lastBits = [...heap.i32.subarray(base / 4 + 3 * count, base / 4 + 3 * count + inputs[0]!.length)]
  return [...heap.f32.subarray(base / 4 + 3 * count, base / 4 + 3 * count + inputs[0]!.length)]
}
let lastBits: number[] = []
export function applyInt(...values: Parameters<typeof apply>): number[] {
  apply(...values)
  return lastBits
}

export const floats = [
  0,
  -0,
  1,
  -1,
  1.5,
  -2.5,
  2.5,
  3.75,
  1e-40,
  -1e30,
  3e38,
  Infinity,
  -Infinity,
  NaN,
  0.1,
  7,
]
export const others = [-0, 0, 2, NaN, -1.5, 2.5, -3, 3.75, 1e-40, 1e30, 3e38, Infinity, 1, 2, NaN, -7]
export const ints = [
  0,
  1,
  -1,
  7,
  -7,
  100,
  2 ** 31 - 1,
  -(2 ** 31),
  12345,
  -12345,
  3,
  31,
  32,
  33,
  -(2 ** 31),
  5,
]
export const divisors = [1, -1, 2, -2, 3, 7, -1, -1, 100, 99, 2 ** 31 - 1, -(2 ** 31), 5, -3, 2, -5]
