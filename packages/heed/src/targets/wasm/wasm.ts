import { type LinearMemory, TargetError } from '../../base/index.js'
import type { Machine, Program } from '../../kernels/index.js'
import type { Run, Target } from '../target.js'
import { encodeModule } from './encode.js'
import { vectorFeatures } from './features.js'
import { lower } from './lower.js'
import type { WasmOptions } from './lowering.js'

/** How it was made is what printing goes by. */
export interface WasmTarget extends Target {
  readonly options: WasmOptions
}

/**
 * Kernels as WebAssembly with 128-bit SIMD, one module a kernel.
 *
 * The heap must
 * - be shared exactly if `shared` is set;
 * - end with a guard of 64 bytes that nobody owns: a masked load reads its 16 or 32 bytes whole and clears
 *   the lanes outside the mask afterwards;
 * - place nothing at address 0 that a kernel could miss: lanes outside a gather's mask read there.
 *
 * Sums over lanes add halves: (l0 + l2) + (l1 + l3), with eight lanes after lane i + 4 was added to lane i.
 * Division by a zero integer gives an unspecified number; it does not trap.
 */
export function wasmTarget(options: WasmOptions): WasmTarget {
  const machine: Machine = {
    name: 'wasm',
    lanes: options.lanes,
    registers: 16,
    floatBytes: 4,
    math: false,
    fused: options.relaxed && vectorFeatures().fused,
    dots: new Set(options.relaxed && vectorFeatures().dots ? ['sevenBits'] : []),
  }
  return {
    machine,
    options,
    emit(program) {
      return encodeModule(lower(checked(program, options), options), options.shared)
    },
    load(code, memory) {
      return loadModule(code, memory)
    },
  }
}

function checked(program: Program, { lanes }: WasmOptions): Program {
  if (program.machine.lanes === lanes && program.machine.floatBytes === 4) return program
  throw new TargetError({
    operation: `wasm: kernel '${program.name}'`,
    expected: `a program for ${lanes} lanes of 4-byte floats`,
    found: `one for ${program.machine.lanes} lanes of ${program.machine.floatBytes}-byte floats`,
    hint: 'assemble the kernel for this target’s machine',
  })
}

function loadModule(code: Uint8Array, memory: LinearMemory): Run {
  try {
    const module = compileOptimized(() => new WebAssembly.Module(code as Uint8Array<ArrayBuffer>))
    return new WebAssembly.Instance(module, {
      env: { memory: memory as WebAssembly.Memory },
    }).exports['run'] as Run
  } catch (cause) {
    throw new TargetError({
      operation: 'wasm: load',
      expected: 'a module that this engine compiles and links to the heap',
      found: String(cause),
      hint: 'emit with `relaxed` as wasmFeatures() says and `shared` as the memory is',
      cause,
    })
  }
}

function compileOptimized(compile: () => WebAssembly.Module): WebAssembly.Module {
  return compile()
}
