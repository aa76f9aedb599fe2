import type { Kernel, Machine, Program } from '../../kernels/index.js'
import { assemble, kernel } from '../../kernels/index.js'
import { encodeModule } from './encode.js'
import { lower } from './lower.js'
import { openWasmMemory } from '../linear-memory.js'
import { setEngineFlags } from './engine.js'
import { probeRevectorization } from './revectorize.js'

/** What this process's WebAssembly engine has for vectors of 128 bits. */
export interface VectorFeatures {
  /** 128-bit vectors: without them there is no wasm target. */
  readonly simd: boolean
  /** Relaxed SIMD: `f32x4.relaxed_madd` and its kin. */
  readonly relaxed: boolean
  /** `relaxed_madd` rounds once. */
  readonly fused: boolean
  /**
   * `relaxed_dot_i8x16_i7x16_add` gives what it should. V8's first compiler adds its products twice in Node
   * 20.
   */
  readonly dots: boolean
}

/** What this process's WebAssembly engine has. */
export interface WasmFeatures extends VectorFeatures {
  /**
   * The engine merges pairs of 128-bit instructions into 256-bit ones (V8 on AVX2), with the same results.
   */
  readonly revectorize: boolean
}

let [vectors, all] = [undefined as VectorFeatures | undefined, undefined as WasmFeatures | undefined]

/**
 * Probes the engine, once a process or thread. On Node it first turns on what V8 has behind flags (they are
 * the process's, so worker threads agree); elsewhere, and where a flag does not work, the probe finds less
 * and that is all.
 */
export function wasmFeatures(): WasmFeatures {
  if (all !== undefined) return all
  const { relaxed, fused } = vectorFeatures()
  return (all = { ...vectorFeatures(), revectorize: fused && probeRevectorization(relaxed) })
}

/** `wasmFeatures` without the last of them, which only Node has, and which takes the longest to find out. */
export function vectorFeatures(): VectorFeatures {
  return (vectors ??= probe())
}

function probe(): VectorFeatures {
  const simd = validates(multiplyAdd, 4, false)
  let relaxed = simd && validates(multiplyAdd, 4, true)
  if (simd && !relaxed) {
    setEngineFlags('--experimental-wasm-relaxed-simd')
    relaxed = validates(multiplyAdd, 4, true)
  }
  if (!memoryThere()) return { simd, relaxed, fused: false, dots: false }
  // (1 + 2⁻¹²)² − (1 + 2⁻¹¹) is 2⁻²⁴; a product that is rounded loses it.
  const fused =
    relaxed && runs(multiplyAdd, 4, true, [1 + 2 ** -12, 1 + 2 ** -12, -(1 + 2 ** -11)])[0] === 2 ** -24
  const dots = relaxed && runs(dotOfBytes, 4, true, [0])[0] === 4 * 100 * -3
  return { simd, relaxed, fused, dots }
}

type Probe = Kernel<{ readonly x: 'f32*' }>

const multiplyAdd: Probe = kernel('probe-multiply-add', { x: 'f32*' }, (k, { x }) => {
  k.store(x, k.loadBroadcast(x).fma(k.loadBroadcast(x.at(1)), k.loadBroadcast(x.at(2))))
})

/** The sum comes from memory: the fault shows where it is in no variable. */
const dotOfBytes: Probe = kernel('probe-dot', { x: 'f32*' }, (k, { x }) => {
  const sum = k.load(x.as('i32'))
  k.store(x, k.dotSevenBits(sum, k.intVector(0x64646464), k.intVector(0xfdfdfdfd)).toFloat())
})

function bytes(source: Probe, lanes: 4 | 8, relaxed: boolean): Uint8Array<ArrayBuffer> {
  const machine: Machine = {
    name: 'wasm',
    lanes,
    registers: 16,
    floatBytes: 4,
    math: false,
    fused: false,
    dots: new Set(relaxed ? ['sevenBits'] : []),
  }
  const program: Program = assemble(source, machine)
  return encodeModule(lower(program, { lanes, relaxed, shared: false }), false) as Uint8Array<ArrayBuffer>
}

/** Without it nothing can be tried out; a heap says why there is none. */
function memoryThere(): boolean {
  try {
    return openWasmMemory({ initial: 0 }) !== undefined
  } catch {
    return false
  }
}

function validates(source: Probe, lanes: 4 | 8, relaxed: boolean): boolean {
  return typeof WebAssembly === 'object' && WebAssembly.validate(bytes(source, lanes, relaxed))
}

/** Runs the kernel on `values` in a memory of its own and gives what it left there. */
function runs(source: Probe, lanes: 4 | 8, relaxed: boolean, values: readonly number[]): Float32Array {
  const memory = openWasmMemory({ initial: 1 }) as WebAssembly.Memory
  const floats = new Float32Array(memory.buffer, 64)
  floats.set(values)
  new Int32Array(memory.buffer)[0] = 64
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes(source, lanes, relaxed)), {
    env: { memory },
  })
  ;(instance.exports['run'] as (...values: number[]) => void)(0, 0, 1, 0)
  return floats
}
