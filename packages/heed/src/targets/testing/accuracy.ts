import { erf, erfcx } from '../interpreter/mathematics.js'
import { wasmFeatures } from '../wasm/features.js'
import { wasmTarget } from '../wasm/wasm.js'
import { x64Target, x64Widths } from '../x64/index.js'
import type { Builder, MathOperation, Term } from '../../kernels/index.js'
import { assemble, kernel } from '../../kernels/index.js'

/** The plain definitions, in f64. */
export const definitions: Readonly<Record<MathOperation, (x: number) => number>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log1p: Math.log1p,
  erfcx: (x) => erfcx(Math.min(10.25, Math.abs(x))),
  log: Math.log,
  tanh: Math.tanh,
  erf,
  rsqrt: (x) => 1 / Math.sqrt(x),
  sin: Math.sin,
  cos: Math.cos,
}
export const names: readonly MathOperation[] = [
  'exp',
  'expm1',
  'log',
  'log1p',
  'erfcx',
  'tanh',
  'erf',
  'rsqrt',
  'sin',
  'cos',
]

/** What math.ts states. */
export const bounds: Readonly<Record<MathOperation, { readonly ulp: number; readonly absolute?: number }>> = {
  exp: { ulp: 2 },
  expm1: { ulp: 2.5 },
  log1p: { ulp: 1.5 },
  erfcx: { ulp: 4 },
  log: { ulp: 1 },
  tanh: { ulp: 3 },
  erf: { ulp: 3 },
  rsqrt: { ulp: 1.5 },
  sin: { ulp: 3, absolute: 1.2e-7 },
  cos: { ulp: 3, absolute: 1.2e-7 },
}

/** How code for one function differs: the shape of the term, and whether `fma` may round once. */
export interface Form {
  readonly target: 'wasm' | 'x64'
  readonly lanes: 4 | 8 | 16
  readonly relaxed: boolean
  readonly scalar: boolean
}
/** Eight forms on wasm, or four where the engine has no relaxed SIMD; two for each width of machine code. */
export const forms: readonly Form[] = [
  ...[false, ...(wasmFeatures().relaxed ? [true] : [])].flatMap((relaxed) =>
    ([4, 8] as const).flatMap((lanes) =>
      [false, true].map((scalar) => ({ target: 'wasm', lanes, relaxed, scalar }) as const),
    ),
  ),
  ...x64Widths().flatMap((width) =>
    [false, true].map(
      (scalar) => ({ target: 'x64', lanes: width === 512 ? 16 : 8, relaxed: true, scalar }) as const,
    ),
  ),
]

export type FloatFunction = (x: Float32Array) => Float32Array

/** `name` written out in arithmetic, over as many values as it is given. */
export function expanded(name: MathOperation, form: Form): FloatFunction {
  return assembled(`math-${name}`, form, (k, x) => k.math(name, x))
}

/**
 * A function of one number, written by `write` and assembled for a machine, over as many values as it is
 * given.
 */
export function assembled(
  name: string,
  { target: of, lanes, relaxed, scalar }: Form,
  write: <T extends 'f32' | 'vector'>(k: Builder, x: Term<T>) => Term<T>,
): FloatFunction {
  const most = 1 << 16
  const shared = of === 'x64'
  const target =
    of === 'x64'
      ? x64Target({ width: lanes === 16 ? 512 : 256 })
      : wasmTarget({ lanes: lanes as 4 | 8, relaxed, shared })
  const source = kernel(name, { x: 'f32*', count: 'i32' }, (k, { x, count }) => {
    k.loop(0, count, scalar ? 1 : lanes, (i) => {
      if (scalar) k.store(x.at(i), write(k, k.loadScalar(x.at(i))))
      else k.store(x.at(i), write(k, k.load(x.at(i))))
    })
  })
  const pages = 1 + (most * 4) / 65536
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
  const run = target.load(target.emit(assemble(source, target.machine)), memory)
  const [parameters, heap] = [new Int32Array(memory.buffer, 64), new Float32Array(memory.buffer, 1024, most)]
  return (x) => {
    const results = new Float32Array(x.length)
    for (let start = 0; start < x.length; start += most) {
      const piece = x.subarray(start, start + most)
      heap.set(piece)
      parameters[0] = heap.byteOffset
      parameters[2] = Math.ceil(piece.length / lanes) * lanes
      run(parameters.byteOffset, 0, 1, 0)
      results.set(heap.subarray(0, piece.length), start)
    }
    return results
  }
}

export interface Worst {
  /** In ulp, and where. */
  readonly ulp: number
  readonly ulpAt: number
  readonly absolute: number
  readonly absoluteAt: number
  /** Results that are NaN, infinite or a zero of the wrong sign where they should not be, and the reverse. */
  readonly wrong: readonly string[]
}

/** How far `results` are from `exact`, which holds the definition's values in f64. */
export function worst(x: Float32Array, results: Float32Array, exact: Float64Array): Worst {
  let [ulp, ulpAt, absolute, absoluteAt] = [0, NaN, 0, NaN]
  const wrong: string[] = []
  for (let i = 0; i < x.length; i++) {
    const [result, value] = [results[i]!, exact[i]!]
    const rounded = Math.fround(value)
    if (value === 0 || !Number.isFinite(rounded) || !Number.isFinite(result)) {
      if (!Object.is(result, rounded)) wrong.push(`${x[i]} gives ${result}, not ${rounded}`)
      continue
    }
    const distance = Math.abs(result - value)
    if (distance > absolute) [absolute, absoluteAt] = [distance, x[i]!]
    if (distance > ulp * spacing(rounded)) {
      const inUlp = distance / spacing(value)
      if (inUlp > ulp) [ulp, ulpAt] = [inUlp, x[i]!]
    }
  }
  return { ulp, ulpAt, absolute, absoluteAt, wrong }
}

const double = new Float64Array(1)
const words = new Int32Array(double.buffer)
/** The distance between the floats around a finite value. */
function spacing(value: number): number {
  double[0] = value
  return 2 ** (Math.max(((words[1]! >>> 20) & 0x7ff) - 1023, -126) - 23)
}

/** Floats by their bits: every `stride`-th pattern from `first` on, `count` at most. */
export function patterns(first: number, stride: number, count: number): Float32Array {
  const bits = new Int32Array(Math.min(count, Math.ceil((2 ** 32 - first) / stride)))
  for (let i = 0; i < bits.length; i++) bits[i] = first + i * stride
  return new Float32Array(bits.buffer)
}
/** The definition's values. */
export function exactly(name: MathOperation, x: Float32Array): Float64Array {
  return Float64Array.from(x, definitions[name])
}
