/**
 * What this machine can do at most: multiply-adds in registers, bytes moved, bytes read. From 128-bit WebAssembly, and from
 * machine code with the widest vectors that the processor has.
 */
import { limitOfMachineCode } from './limit-x64.js'
import { limitOfWasm } from './limit-wasm.js'
import type { LimitWork } from './limit-threads.js'
import type { Formulation, Peer } from './peer.js'

/** `variant`: 'limit wasm fma 2 threads' and the like. */
export function load(variant: string): Promise<Peer> {
  const [, target, name, threads] = /^limit (wasm|x64) (.+) (\d+) threads?$/.exec(variant) as unknown as [
    string,
    'wasm' | 'x64',
    LimitWork,
    string,
  ]
  const limit = target === 'wasm' ? limitOfWasm : limitOfMachineCode
  const formulate = (): Formulation[] => [
    { name, prepare: () => Promise.resolve(limit(name, Number(threads))) },
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
