import { type LinearMemory, TargetError } from '../../base/index.js'
import type { Machine, Program } from '../../kernels/index.js'
import { openPlainMemory } from '../linear-memory.js'
import type { Run, Target } from '../target.js'
import { dotBytes, dotShorts, erf, erfcx, fromBits, roundTiesToEven, toBits } from './mathematics.js'
import { javaScriptSource } from './source.js'

/** One lane, everything in f64, every access checked for alignment and bounds. */
export const interpreterMachine: Machine = {
  name: 'interpreter',
  lanes: 1,
  registers: 16,
  floatBytes: 8,
  math: true,
  fused: false,
  dots: new Set(['bytes']),
}

/**
 * The oracle: a kernel read as plain JavaScript. Floats are computed and stored in f64 (an f32 element takes
 * 8 bytes of its heap), so its results are the ones that every other target is held to.
 */
export const interpreter: Target = {
  machine: interpreterMachine,
  emit: (program: Program): Uint8Array => new TextEncoder().encode(javaScriptSource(program)),
  openInstead: openPlainMemory,
  load(code: Uint8Array, memory: LinearMemory): Run {
    const names = ['parameters', 'begin', 'end', 'scratch', ...Object.keys(helpers(memory))]
    // The source is the one that emit() wrote, from a kernel of this process.
    // oxlint-disable-next-line typescript/no-implied-eval
    const body = new Function(...names, new TextDecoder().decode(code.slice())) as (
      ...values: unknown[]
    ) => void
    let buffer: ArrayBufferLike | undefined
    let values: unknown[] = []
    return (parameters, begin, end, scratch) => {
      if (memory.buffer !== buffer) {
        buffer = memory.buffer
        values = Object.values(helpers(memory))
      }
      body(parameters, begin, end, scratch, ...values)
    }
  },
}

/** What the source calls: checked access to this heap and the functions that JavaScript lacks. */
function helpers(memory: LinearMemory): Readonly<Record<string, unknown>> {
  const f64 = new Float64Array(memory.buffer)
  const i32 = new Int32Array(memory.buffer)
  const u16 = new Uint16Array(memory.buffer)
  const u8 = new Uint8Array(memory.buffer)
  const i8 = new Int8Array(memory.buffer)
  const at = (address: number, shift: number, length: number): number => {
    const byte = address >>> 0
    const index = byte / 2 ** shift
    if (!Number.isInteger(index) || index >= length || byte === 0) {
      throw new TargetError({
        operation: 'interpreter',
        expected: `an address inside the heap, aligned to ${2 ** shift} bytes`,
        found: `0x${byte.toString(16)}`,
        hint: 'the kernel reads or writes outside its tensors',
      })
    }
    return index
  }
  return {
    loadF32: (address: number) => f64[at(address, 3, f64.length)],
    loadI32: (address: number) => i32[at(address, 2, i32.length)],
    loadU16: (address: number) => u16[at(address, 1, u16.length)],
    loadU8: (address: number) => u8[at(address, 0, u8.length)],
    loadI8: (address: number) => i8[at(address, 0, i8.length)],
    storeF32: (address: number, value: number) => {
      f64[at(address, 3, f64.length)] = value
    },
    storeI32: (address: number, value: number) => {
      i32[at(address, 2, i32.length)] = value
    },
    storeU16: (address: number, value: number) => {
      u16[at(address, 1, u16.length)] = value
    },
    storeU8: (address: number, value: number) => {
      u8[at(address, 0, u8.length)] = value
    },
    storeI8: (address: number, value: number) => {
      i8[at(address, 0, i8.length)] = value
    },
    round: roundTiesToEven,
    erf,
    erfcx,
    toBits,
    fromBits,
    dotBytes,
    dotShorts,
  }
}
