import { availableThreads, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import {
  cacheFolder,
  type CacheEnvironment,
  interpreter,
  type Target,
  wasmFeatures,
  wasmTarget,
  x64Refusal,
  x64Target,
  x64Widths,
} from '../targets/index.js'

/** The environment variables that the choice depends on. */
export interface DeviceEnvironment extends CacheEnvironment {
  readonly HEED_TARGET?: string | undefined
  /** Bits of a vector of the x64 target: 256 keeps a machine with AVX-512 to AVX2. */
  readonly HEED_VECTOR?: string | undefined
  readonly HEED_THREADS?: string | undefined
}

/**
 * A device of the fastest target that runs here, on all threads: machine code, else WebAssembly. The
 * environment may ask for others.
 *
 * @throws {UsageError} where it asks for what there isn't here
 */
export function chooseDevice(environment: DeviceEnvironment): Device {
  const shared = availableThreads() > 1
  const { HEED_TARGET: wanted, HEED_VECTOR: vector } = environment
  const name = wanted ?? (vector !== undefined || x64Widths().length > 0 ? 'x64' : 'wasm')
  const make = Object.hasOwn(targets, name) ? targets[name] : undefined
  if (make === undefined) {
    throw new UsageError({
      operation: 'HEED_TARGET',
      expected: Object.keys(targets).join(' or '),
      found: `'${name}'`,
      hint: 'unset it to let heed choose',
    })
  }
  const threads = threadsIn(environment)
  return new Device(make(environment, shared), { shared: shared && name !== 'interpreter', threads })
}

const targets: Readonly<Record<string, (environment: DeviceEnvironment, shared: boolean) => Target>> = {
  x64: bestX64,
  wasm(_, shared) {
    const { relaxed, revectorize } = wasmFeatures()
    return wasmTarget({ lanes: revectorize ? 8 : 4, relaxed, shared })
  },
  interpreter: () => interpreter,
}

function threadsIn({ HEED_THREADS: wanted }: DeviceEnvironment): number {
  const threads = wanted === undefined ? availableThreads() : Number(wanted)
  if (Number.isInteger(threads) && threads >= 1 && threads <= 256) return threads
  throw new UsageError({
    operation: 'HEED_THREADS',
    expected: 'a whole number from 1 to 256',
    found: `'${wanted}'`,
    hint: 'unset it to use every processor',
  })
}

/** Machine code for the widest vectors, or for those that HEED_VECTOR asks for. */
function bestX64(environment: DeviceEnvironment): Target {
  const { HEED_TARGET, HEED_VECTOR: wanted } = environment
  const widths = x64Widths()
  const refusal = x64Refusal()
  if (refusal !== undefined) {
    throw new UsageError({
      operation: HEED_TARGET === undefined ? 'HEED_VECTOR' : 'HEED_TARGET',
      expected: 'a system that runs machine code',
      found: refusal,
      hint: 'unset it to let heed choose',
    })
  }
  const width = wanted === undefined ? widths.at(-1) : widths.find((each) => String(each) === wanted)
  if (width !== undefined) return x64Target({ width, cache: cacheFolder(environment) })
  throw new UsageError({
    operation: 'HEED_VECTOR',
    expected: `${widths.join(' or ')}${widths.length === 1 ? ' (there is no AVX-512 here)' : ''}`,
    found: `'${wanted}'`,
    hint: 'unset it to let heed choose',
  })
}
