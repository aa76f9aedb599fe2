import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { defaultDevice, Device, wasmFeatures } from 'heed'
import {
  findSharp,
  measureLimits,
  nativeCode,
  processor,
  x64Refusal,
  x64Widths,
  type DeviceLimits,
  type Processor,
} from 'heed/internals'
import type { Environment } from './terminal.js'

/** What `heed doctor` tells of a machine. */
export interface MachineReport {
  readonly heed: string
  readonly node: string
  readonly v8: string
  /** `linux x64` */
  readonly platform: string
  readonly processor: {
    readonly name: string
    /** Physical cores; null where the system doesn't say. */
    readonly cores: number | null
    /** Logical processors. */
    readonly processors: number
    /** Of which this process may use so many. */
    readonly available: number
    /** Instruction sets, as the processor itself names them; null where it isn't asked (see `x64`). */
    readonly features: readonly string[] | null
    /** Sizes in bytes, the first level's for data; null where the processor doesn't say. */
    readonly caches: Processor['caches'] | null
  }
  readonly target: {
    /** `x64`, `wasm` or `interpreter` */
    readonly name: string
    /** Floats in a vector. */
    readonly lanes: number
    readonly floatBits: number
    readonly threads: number
    /** Whether threads see one heap. */
    readonly sharedMemory: boolean
    readonly relaxedSimd: boolean
    /** Multiply-adds round once. */
    readonly fused: boolean
    /** Pairs of 128-bit instructions run as one of 256 bits. */
    readonly revectorized: boolean
    /** Why this target, in this form. */
    readonly why: readonly string[]
    /** Why x64 does not run here; null where it does. */
    readonly x64: string | null
  }
  /** sharp's version, which decodes pictures; or why there is none. */
  readonly pictures: string
  readonly memory: {
    readonly totalBytes: number
    /** What this process may use at most (a container's limit); null where there is no limit. */
    readonly limitBytes: number | null
    /** The most that one heap of tensors can hold. */
    readonly heapBytes: number
  }
  /** Null where it wasn't measured. */
  readonly limits: DeviceLimits | null
}

/** Looks at this machine; with `measure`, runs the target for about a second as well. */
export function examineMachine(
  version: string,
  options: { readonly measure: boolean; readonly environment: Environment },
): MachineReport {
  const device = defaultDevice()
  const { machine } = device.target
  const features = wasmFeatures()
  const sharedMemory = !(device.heap.memory.buffer instanceof ArrayBuffer)
  const wasm = machine.name === 'wasm'
  const native = nativeCode()
  const asked = typeof native === 'string' ? undefined : processor(native)
  return {
    heed: version,
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    processor: {
      name: asked?.brand || cpus()[0]?.model.trim() || 'unknown',
      cores: physicalCores(),
      processors: cpus().length,
      available: availableParallelism(),
      features: asked?.features ?? null,
      caches: asked?.caches ?? null,
    },
    target: {
      name: machine.name,
      lanes: machine.lanes,
      floatBits: 8 * machine.floatBytes,
      threads: device.threads,
      sharedMemory,
      relaxedSimd: wasm && features.relaxed,
      fused: machine.fused,
      revectorized: wasm && machine.lanes === 8,
      why: reasons(device, options.environment),
      x64: x64Refusal() ?? null,
    },
    pictures: decoding(),
    memory: {
      totalBytes: totalmem(),
      limitBytes: memoryLimit(),
      heapBytes: device.heap.maximumBytes,
    },
    limits: options.measure ? measured(device, sharedMemory) : null,
  }
}

/** What decodes pictures here. */
function decoding(): string {
  const sharp = findSharp()
  return typeof sharp === 'string'
    ? `none are decoded: ${sharp}`
    : `decoded by sharp ${sharp.versions.sharp ?? ''}`
}

/** The limits of a device like `device`, whose memory is given back afterwards. */
function measured(device: Device, shared: boolean): DeviceLimits {
  const copy = new Device(device.target, { shared, threads: device.threads })
  try {
    return measureLimits(copy, device.name === 'interpreter' ? { seconds: 0.1, bytes: 2 ** 22 } : {})
  } finally {
    copy.close()
  }
}

/** The first V8 whose revectorizer covers what kernels use; Node 24 carries it. */
const revectorizingV8 = 13

/** Why the default device is what it is, a line each. */
function reasons(device: Device, environment: Environment): string[] {
  const { machine } = device.target
  const why: string[] = []
  if (environment.HEED_TARGET !== undefined) why.push(`HEED_TARGET=${environment.HEED_TARGET} asks for it`)
  if (machine.name === 'x64') {
    why.push(...machineCodeReasons(machine.lanes, environment))
    const { keptIn } = device.target
    why.push(
      keptIn === undefined || keptIn.refusal !== undefined
        ? `machine code is not kept for later processes${keptIn === undefined ? '' : `: ${keptIn.refusal}`}`
        : `machine code is kept for later processes in ${keptIn.path}`,
    )
  } else if (machine.name === 'wasm') {
    const { simd, relaxed, fused, revectorize } = wasmFeatures()
    if (environment.HEED_TARGET === undefined) why.push('WebAssembly runs wherever JavaScript does')
    const refusal = x64Refusal()
    why.push(
      refusal === undefined
        ? 'x64, machine code, would run here: unset HEED_TARGET'
        : `not x64, machine code: ${refusal}`,
    )
    why.push(`128-bit SIMD: ${simd ? 'yes' : 'no'}`)
    why.push(
      `relaxed SIMD: ${relaxed ? `yes, multiply-adds round ${fused ? 'once' : 'twice'}` : 'no, products and sums are separate instructions'}`,
    )
    why.push(`256-bit vectors: ${revectorize ? revectorizedText : notRevectorizedText(fused)}`)
  } else if (machine.name === 'interpreter') {
    why.push('the interpreter is for checking: plain JavaScript, in 64-bit floats, slow')
  }
  const threads = device.threads === 1 ? '1 thread' : `${device.threads} threads`
  why.push(
    environment.HEED_THREADS === undefined
      ? `${threads}: ${device.threads === 1 ? 'this target or process has no more' : 'as many as this process has processors'}`
      : `${threads}: HEED_THREADS=${environment.HEED_THREADS}`,
  )
  return why
}

function machineCodeReasons(lanes: number, { HEED_VECTOR: vector }: Environment): string[] {
  const widest = x64Widths().at(-1)! / 32
  const held = vector !== undefined && lanes < widest ? `, HEED_VECTOR=${vector} keeps it from AVX-512` : ''
  return [
    'machine code: koffi is installed, and the system lets its memory be executed',
    `${lanes * 32}-bit vectors: ${lanes === 16 ? 'AVX-512' : 'AVX2'}${held || (lanes === 8 ? ', there is no AVX-512' : '')}`,
  ]
}

const revectorizedText =
  'yes, V8 merges pairs of 128-bit instructions; checked at start, results are the same'

function notRevectorizedText(fused: boolean): string {
  const v8 = process.versions.v8
  if (Number.parseInt(v8, 10) < revectorizingV8)
    return `no, V8 ${v8.split('-')[0]} can't (Node 24 or newer can)`
  if (process.arch !== 'x64') return `no, V8 merges 128-bit instructions on x64 alone`
  return fused
    ? 'no, the check at start found that V8 does not merge them rightly here'
    : 'no, multiply-adds are not fused here'
}

/** The limit that the system sets to this process, if that is less than all there is. */
function memoryLimit(): number | null {
  const limit = process.constrainedMemory?.() ?? 0
  return limit > 0 && limit < totalmem() ? limit : null
}

/** Physical cores, from Linux's /proc/cpuinfo. */
function physicalCores(): number | null {
  let text: string
  try {
    text = readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return null
  }
  return coresIn(text)
}

/** How many different cores a /proc/cpuinfo lists; null where it doesn't say. */
export function coresIn(cpuinfo: string): number | null {
  const cores = new Set<string>()
  for (const processor of cpuinfo.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1]
    const socket = /^physical id\s*:\s*(\d+)/m.exec(processor)?.[1] ?? '0'
    if (core !== undefined) cores.add(`${socket} ${core}`)
  }
  return cores.size > 0 ? cores.size : null
}
