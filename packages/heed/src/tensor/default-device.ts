import { UsageError } from '../base/index.js'
import { availableThreads, Device } from '../device/index.js'
import {
  interpreter,
  nativeCode,
  processor,
  type Target,
  wasmFeatures,
  wasmTarget,
  x64Target,
  x64Widths,
} from '../targets/index.js'

let device: Device | undefined

/** What may be forced by the environment variable HEED_TARGET. */
const targets = ['x64', 'wasm', 'interpreter']

/**
 * The device that is used where none is named: machine code where this system runs it, else WebAssembly, on all
 * threads. HEED_TARGET names a target, HEED_VECTOR the bits of its vectors, HEED_THREADS another number of threads.
 * Made when first asked for.
 */
export function defaultDevice(): Device {
  if (device) return device
  const environment = globalThis.process?.env ?? {}
  const name = environment.HEED_TARGET ?? (x64Widths().length > 0 ? 'x64' : 'wasm')
  if (!targets.includes(name)) {
    throw new UsageError({
      operation: 'HEED_TARGET',
      expected: targets.join(' or '),
      found: `'${name}'`,
      hint: 'unset it to let heed choose',
    })
  }
  const threads =
    environment.HEED_THREADS === undefined ? availableThreads() : Number(environment.HEED_THREADS)
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new UsageError({
      operation: 'HEED_THREADS',
      expected: 'a whole number from 1 to 256',
      found: `'${environment.HEED_THREADS}'`,
      hint: 'unset it to use every processor',
    })
  }
  const shared = name !== 'interpreter' && availableThreads() > 1
  const target =
    name === 'interpreter' ? interpreter : name === 'x64' ? bestX64(environment) : bestWasm(shared)
  device = new Device(target, { shared, threads })
  return device
}

/** Machine code for the widest vectors, or those that HEED_VECTOR asks for. */
function bestX64({ HEED_VECTOR: wanted }: NodeJS.ProcessEnv): Target {
  const widths = x64Widths()
  const width = wanted === undefined ? widths.at(-1) : widths.find((each) => String(each) === wanted)
  if (width !== undefined) return x64Target({ width })
  throw new UsageError({
    operation: widths.length === 0 ? 'HEED_TARGET' : 'HEED_VECTOR',
    expected: widths.length === 0 ? 'a target that runs here' : widths.join(' or '),
    found: widths.length === 0 ? `x64: ${x64Refusal() ?? 'refused'}` : `'${wanted}'`,
    hint: 'unset it to let heed choose',
  })
}

/** Why there is no x64 target here; undefined where there is one. */
export function x64Refusal(): string | undefined {
  const native = nativeCode()
  if (typeof native === 'string') return native
  return processor(native).avx2 ? undefined : 'the processor lacks AVX2, FMA or BMI2'
}

/** The fastest form of the wasm target that this engine has. */
function bestWasm(shared: boolean): Target {
  const { relaxed, revectorize } = wasmFeatures()
  return wasmTarget({ lanes: revectorize ? 8 : 4, relaxed, shared })
}
