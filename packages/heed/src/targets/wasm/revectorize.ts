import type { Kernel, Machine, Term } from '../../kernels/index.js'
import { assemble, kernel } from '../../kernels/index.js'
import { openWasmMemory } from '../linear-memory.js'
import { encodeModule } from './encode.js'
import { engineVersion, setEngineFlags } from './engine.js'
import { lower } from './lower.js'
import type { WasmOptions } from './lowering.js'

/** Where the probes' operands and results lie in their memory, in bytes. */
const operands = 1024
const count = 64

/**
 * V8's major versions that know the flag: Node 24 has 13, Node 26 has 14. Another would complain on stderr.
 */
const versions: readonly number[] = [13, 14]

/** Whether this Node was built with the pass that merges pairs, which V8 has for x86-64 alone. */
function builtIn(): boolean {
  const { process } = globalThis as {
    process?: { arch?: string; config?: { variables?: Readonly<Record<string, unknown>> } }
  }
  return process?.arch === 'x64' && process.config?.variables?.['v8_enable_wasm_simd256_revec'] === 1
}

/**
 * Whether V8 merges the two halves of an 8-lane vector into one 256-bit instruction, and does it right. V8's
 * flag is set first, and the optimizing compiler is asked for. Then two kernels are tried:
 *
 * - Every kind of vector instruction, on numbers that are hard on each, must give the same bits with 8 lanes
 *   as with 4.
 * - A product tile must be exact.
 *
 * Where one of them fails, the flag is taken back and nothing is said. Nothing is timed: the number of lanes
 * decides the order of sums, so that it may not depend on how busy the machine is. A processor with fused
 * multiply-adds and without AVX2 runs 8 lanes as two instructions each.
 */
export function probeRevectorization(relaxed: boolean): boolean {
  if (!relaxed || !builtIn() || !versions.includes(engineVersion())) return false
  setEngineFlags('--experimental-wasm-revectorize', '--no-liftoff', '--no-wasm-lazy-compilation')
  let works = false
  try {
    works = sameBits() && exactTile()
  } catch {
    works = false
  } finally {
    setEngineFlags('--liftoff', '--wasm-lazy-compilation')
    if (!works) setEngineFlags('--no-experimental-wasm-revectorize')
  }
  return works
}

type Probe = Kernel<{ readonly x: 'f32*'; readonly count: 'i32' }>

/** Blocks of `count` results, one for each kind of instruction. */
const everything: Probe = kernel('probe-vectors', { x: 'f32*', count: 'i32' }, (k, { x, count: total }) => {
  const results: ((
    a: Term<'vector'>,
    b: Term<'vector'>,
    c: Term<'vector'>,
  ) => Term<'vector'> | Term<'ivector'>)[] = [
    (a, b, c) => a.fma(b, c),
    (a, b, c) => a.neg().fma(b, c),
    (a, b) => a.add(b).sub(b.mul(0.5)),
    (a, b) => a.div(b),
    (a, b) => a.min(b).max(b.neg()),
    (a) => a.abs().sqrt(),
    (a, b, c) => a.lt(b).select(c, a),
    (a, b, c) => a.ge(b).and(c.ne(a)).select(b, c),
    (a, b) => a.toBits().xor(b.toBits()).and(0x7fffffff),
    (a, b) => a.toBits().add(b.toBits()).shl(3).ushr(1).sub(a.toBits().shr(5)),
    (a) => a.mul(1e-3).round().add(a.floor()).sub(a.ceil()),
    (a, b) => a.max(-1000).min(1000).toInt().mul(3).toFloat().add(b),
  ]
  k.vectors(total, (i, mask) => {
    const take = (n: number): Term<'vector'> => k.load(x.at(n * count).at(i), mask)
    const [a, b, c] = [take(0), take(1), take(2)] as const
    results.forEach((result, n) => {
      const value = result(a, b, c)
      const to = x.at((3 + n) * count).at(i)
      if (value.type === 'vector') k.store(to, value, mask)
      else k.store(to.as('i32'), value as Term<'ivector'>, mask)
    })
  })
})

const hard: readonly number[] = [
  0,
  -0,
  1,
  -1.5,
  2.5,
  1e-40,
  -3e38,
  Infinity,
  -Infinity,
  NaN,
  0.1,
  7,
  1 + 2 ** -12,
  -(1 + 2 ** -11),
  1e-20,
  12345.678,
]

function sameBits(): boolean {
  const [narrow, wide] = ([4, 8] as const).map((lanes) => {
    const { run, floats, integers } = prepare(everything, lanes)
    for (let i = 0; i < count; i++) {
      floats[operands / 4 + i] = hard[i % hard.length]!
      floats[operands / 4 + count + i] = hard[(i * 7 + 3 + Math.floor(i / 16)) % hard.length]!
      floats[operands / 4 + 2 * count + i] = hard[(i * 5 + 9) % hard.length]!
    }
    // A tail that is no whole vector.
    run(count - 3)
    return integers.map((bits, i) => (Number.isNaN(floats[i]!) ? 0 : bits))
  })
  return narrow!.every((bits, i) => bits === wide![i])
}

/** Sums of products of small integers: exact in any order, unlike any error. */
const tile: Probe = kernel('probe-tile', { x: 'f32*', count: 'i32' }, (k, { x, count: depth }) => {
  const rows = 6
  const sums = Array.from({ length: rows }, () => [k.variable(k.vector(0)), k.variable(k.vector(0))])
  k.loop(0, depth, 1, (step) => {
    const from = x.at(step.mul(16))
    const columns = [k.load(from), k.load(from.at(k.lanes))]
    sums.forEach((line, r) => {
      const element = k.loadBroadcast(x.at(step.add(r)))
      line.forEach((sum, v) => sum.set(columns[v]!.fma(element, sum.get())))
    })
  })
  sums.flat().forEach((sum, at) => k.store(x.at(8192 + at * k.lanes), sum.get()))
  k.store(x.at(8192 + 96), sums[0]![0]!.get().add(sums[0]![1]!.get()).sum())
})

function exactTile(): boolean {
  const depth = 37
  const { run, floats } = prepare(tile, 8)
  const x = floats.subarray(operands / 4)
  for (let i = 0; i < 1024; i++) x[i] = ((i * 37) % 23) - 11
  run(depth)
  let total = 0
  for (let r = 0; r < 6; r++) {
    for (let c = 0; c < 16; c++) {
      let sum = 0
      for (let step = 0; step < depth; step++) sum += x[step * 16 + c]! * x[step + r]!
      if (x[8192 + r * 16 + c] !== sum) return false
      if (r === 0) total += sum
    }
  }
  return x[8192 + 96] === total
}

function prepare(
  source: Probe,
  lanes: 4 | 8,
): { run: (count: number) => void; floats: Float32Array; integers: Int32Array } {
  const machine: Machine = {
    name: 'wasm',
    lanes,
    registers: 16,
    floatBytes: 4,
    math: false,
    fused: true,
    dots: new Set(),
  }
  const options: WasmOptions = { lanes, relaxed: true, shared: false }
  const code = encodeModule(lower(assemble(source, machine), options), false) as Uint8Array<ArrayBuffer>
  const memory = openWasmMemory({ initial: 1 }) as WebAssembly.Memory
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } })
  const integers = new Int32Array(memory.buffer)
  const floats = new Float32Array(memory.buffer)
  integers[0] = operands
  return {
    floats,
    integers,
    run(given) {
      integers[2] = given
      ;(exports['run'] as (...values: number[]) => void)(0, 0, 1, 0)
    },
  }
}
