/**
 * The limits that x86-64 machine code has, with 512-bit vectors where the processor has them, else 256-bit
 * ones: a few instructions written by hand (Intel's manual, volume 2, chapter 2), in memory that koffi maps.
 * On Linux and macOS.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type LimitWork, onThreads } from './limit-threads.js'
import type { Prepared } from './peer.js'

const accumulators = 12
const perLoop = 4
const turns = 8_000_000
const unroll = 8

/** Registers of the first four arguments (System V): to, from, other, count. */
const register = { to: 7, from: 6, other: 2, count: 1 } as const

type Operands = { map: 1 | 2; prefix: 0 | 1; code: number; at: number; with?: number } & (
  | { source: number }
  | { base: number; offset: number }
)
type Vectors = { bytes: 32 | 64; instruction: (operands: Operands) => number[] }

const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 255)

/** ModRM and what follows it: a register below 16, or [base + offset in 32 bits]. */
function operand(given: Operands): number[] {
  const at = (given.at & 7) << 3
  return 'source' in given
    ? [0xc0 | at | (given.source & 7)]
    : [0x80 | at | given.base, ...le32(given.offset)]
}

/** VEX and EVEX prefixes for registers below 16. `with` is the operand between destination and source. */
const high = (given: Operands): [number, number] => [
  given.at < 8 ? 1 : 0,
  'source' in given && given.source >= 8 ? 0 : 1,
]
const avx2: Vectors = {
  bytes: 32,
  instruction(given) {
    const [r, b] = high(given)
    const between = 15 - (given.with ?? 0)
    return [
      0xc4,
      (r << 7) | (1 << 6) | (b << 5) | given.map,
      (between << 3) | (1 << 2) | given.prefix,
      given.code,
      ...operand(given),
    ]
  },
}
const avx512: Vectors = {
  bytes: 64,
  instruction(given) {
    const [r, b] = high(given)
    const between = 15 - (given.with ?? 0)
    return [
      0x62,
      (r << 7) | (1 << 6) | (b << 5) | (1 << 4) | given.map,
      (between << 3) | (1 << 2) | given.prefix,
      (2 << 5) | (1 << 3),
      given.code,
      ...operand(given),
    ]
  },
}

/** The vectors of this processor, as the system names its features. */
function vectorsHere(): Vectors {
  if (process.arch !== 'x64') throw new Error(`no machine code for ${process.arch}`)
  let features = ''
  if (process.platform === 'linux') features = readFileSync('/proc/cpuinfo', 'utf8')
  else if (process.platform === 'darwin')
    features = execFileSync('sysctl', ['-n', 'machdep.cpu.features', 'machdep.cpu.leaf7_features'], {
      encoding: 'utf8',
    })
  else throw new Error(`machine code is not measured on ${process.platform}`)
  if (/\bavx512f\b/i.test(features)) return avx512
  if (/\bavx2\b/i.test(features) && /\bfma\b/i.test(features)) return avx2
  throw new Error('the processor has neither AVX-512 nor AVX2')
}

/** Repeat `body` until `left` has been taken from the count so often that nothing remains. */
function loop(body: number[], left: number): number[] {
  const all = [...body, 0x48, 0x81, 0xe9, ...le32(left)] // sub rcx, left
  return [...all, 0x0f, 0x85, ...le32(-(all.length + 6))] // jnz
}
/** add r, amount */
const add = (to: number, amount: number): number[] => [0x48, 0x81, 0xc0 | to, ...le32(amount)]
const repeat = (times: number, step: (i: number) => number[]): number[] =>
  Array.from({ length: times }, (_, i) => step(i)).flat()

const sfence = [0x0f, 0xae, 0xf8]
const vzeroupper = [0xc5, 0xf8, 0x77]
const ret = 0xc3

function codeOf(work: LimitWork, { bytes: size, instruction }: Vectors): number[] {
  const [a, b] = [accumulators, accumulators + 1]
  /** vbroadcastss at, [other + offset] */
  const spread = (at: number, base: number, offset: number): number[] =>
    instruction({ map: 2, prefix: 1, code: 0x18, at, base, offset })
  const load = (at: number, base: number, offset: number): number[] =>
    instruction({ map: 1, prefix: 0, code: 0x10, at, base, offset }) // vmovups
  /** vmovntps: past the caches, so that the line is not read first. */
  const store = (at: number, base: number, offset: number): number[] =>
    instruction({ map: 1, prefix: 0, code: 0x2b, at, base, offset })
  const step = unroll * size
  const body = {
    // vfmadd213ps: x = x·a + b
    fma: () =>
      repeat(perLoop * accumulators, (i) =>
        instruction({ map: 2, prefix: 1, code: 0xa8, at: i % accumulators, with: a, source: b }),
      ),
    read: () => [
      // vaddps x, x, [from]
      ...repeat(unroll, (i) =>
        instruction({
          map: 1,
          prefix: 0,
          code: 0x58,
          at: i,
          with: i,
          base: register.from,
          offset: i * size,
        }),
      ),
      ...add(register.from, step),
    ],
    copy: () => [
      ...repeat(unroll, (i) => load(i, register.from, i * size)),
      ...repeat(unroll, (i) => store(i, register.to, i * size)),
      ...add(register.from, step),
      ...add(register.to, step),
    ],
    // vfmadd231ps: x = a·[other] + x
    triad: () => [
      ...repeat(unroll, (i) => load(i, register.from, i * size)),
      ...repeat(unroll, (i) =>
        instruction({
          map: 2,
          prefix: 1,
          code: 0xb8,
          at: i,
          with: a,
          base: register.other,
          offset: i * size,
        }),
      ),
      ...repeat(unroll, (i) => store(i, register.to, i * size)),
      ...add(register.from, step),
      ...add(register.to, step),
      ...add(register.other, step),
    ],
  }
  if (work === 'multiply, add') throw new Error('machine code fuses them')
  return [
    ...repeat(accumulators, (i) => spread(i, register.other, 0)),
    ...spread(a, register.other, 0),
    ...spread(b, register.other, 4),
    ...loop(body[work](), work === 'fma' ? 1 : step),
    ...sfence,
    ...vzeroupper,
    ret,
  ]
}

/** What this file needs of koffi. */
type Koffi = {
  load(path: string | null): { func(declaration: string): (...given: unknown[]) => unknown }
  view(pointer: unknown, length: number): ArrayBuffer
  address(what: unknown): bigint
  decode(pointer: unknown, type: unknown): (...given: unknown[]) => void
  proto(result: string, parameters: readonly string[]): unknown
}
/** to, from, other, count */
const parameterTypes = ['int64_t', 'int64_t', 'int64_t', 'int64_t']

const require = createRequire(import.meta.url)
const koffiPath = (): string => {
  try {
    return require.resolve('koffi')
  } catch {
    throw new Error('koffi is not installed')
  }
}

const source = `
const koffi = require(workerData.koffi)
koffi.load(null) // before it, koffi has no memory to call with
const run = koffi.decode(workerData.code, koffi.proto('void', ${JSON.stringify(parameterTypes)}))
loop(workerData.words, () => run(...workerData.parameters))`

export function limitOfMachineCode(work: LimitWork, threads: number, bytes: number): Prepared {
  const vectors = vectorsHere()
  const path = koffiPath()
  const koffi = require(path) as Koffi
  const system = koffi.load(null)
  const map = system.func(
    'void *mmap(void *at, size_t size, int protection, int flags, int file, int64_t from)',
  )
  const protect = system.func('int mprotect(void *at, size_t size, int protection)')
  const code = Uint8Array.from(codeOf(work, vectors))
  const room = Math.ceil(code.length / 16384) * 16384
  const [readWrite, readExecute, privateAnonymous] = [3, 5, process.platform === 'darwin' ? 0x1002 : 0x22]
  const mapped = map(null, room, readWrite, privateAnonymous, -1, 0)
  new Uint8Array(koffi.view(mapped, room)).set(code)
  if (protect(mapped, room, readExecute) !== 0) throw new Error('the system does not let mapped code run')

  const isArithmetic = work === 'fma'
  const streams = work === 'read' ? 1 : 3
  const memory = new SharedArrayBuffer(isArithmetic ? 4096 : 8192 + streams * bytes)
  new Float32Array(memory).fill(0.25) // also: pages that nobody has written to are all one page
  const words = new Int32Array(memory, 0, 2).fill(0)
  const constants = new Float32Array(memory, 64, 2)
  constants.set([0.999, 0.001])
  const base = Number(koffi.address(new Uint8Array(memory)))
  const aligned = Math.ceil((base + 4096) / 4096) * 4096
  const part = Math.floor(bytes / threads / 4096) * 4096
  const parameters = Array.from({ length: threads }, (_, i) => {
    if (isArithmetic) return [base, base, base + 64, turns]
    return [...[0, 1, 2].map((k) => aligned + (k % streams) * bytes + i * part), part]
  })
  const run = koffi.decode(mapped, koffi.proto('void', parameterTypes))
  return onThreads(
    words,
    () => run(...parameters[0]!),
    source,
    parameters.slice(1).map((own) => ({ koffi: path, code: koffi.address(mapped), words, parameters: own })),
    isArithmetic
      ? threads * turns * perLoop * accumulators * (vectors.bytes / 4) * 2
      : threads * part * { copy: 2, triad: 3, read: 1 }[work as 'copy' | 'triad' | 'read'],
  )
}
