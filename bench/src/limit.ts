/**
 * What this machine can do at most: multiply-adds in registers, bytes moved, bytes read. From 128-bit
 * WebAssembly, and from machine code with the widest vectors that the processor has.
 */
import { limitOfMachineCode } from './limit-x64.js'
import { limitOfWasm } from './limit-wasm.js'
import type { LimitWork } from './limit-threads.js'
import type { Formulation, Peer, Work } from './peer.js'
import { bytesOf } from './work.js'

const mebibyte = 2 ** 20

/**
 * As much is read as the work reads before it comes back to the same place: what fits in a cache is read from
 * there.
 */
function bytesAtOnce(name: LimitWork, work: Work): number {
  if (name !== 'read') return 64 * mebibyte
  const once = work.kind === 'decode' ? bytesOf(work) / work.tokens : bytesOf(work)
  return Math.min(1024, Math.max(64, Math.round(once / mebibyte))) * mebibyte
}

/** `variant`: 'limit wasm fma 2 threads' and the like. */
export function load(variant: string): Promise<Peer> {
  const [, target, name, threads] = /^limit (wasm|x64) (.+) (\d+) threads?$/.exec(variant) as unknown as [
    string,
    'wasm' | 'x64',
    LimitWork,
    string,
  ]
  const limit = target === 'wasm' ? limitOfWasm : limitOfMachineCode
  const formulate = (work: Work): Formulation[] => [
    { name, prepare: () => Promise.resolve(limit(name, Number(threads), bytesAtOnce(name, work))) },
  ]
  const isArithmetic = name === 'fma' || name === 'multiply, add'
  return Promise.resolve({
    version: '',
    target,
    configuration: name,
    matmul: formulate,
    decode: formulate,
    ...(isArithmetic
      ? { attention: formulate, layer: formulate, train: formulate, encoder: formulate }
      : { rows: formulate }),
  })
}
