import { TargetError } from '../../base/index.js'
import type { Machine } from '../../kernels/index.js'
import { openPlainMemory } from '../linear-memory.js'
import type { Target } from '../target.js'
import { openCodeCache } from './code-cache.js'
import { compile } from './compile.js'
import { nativeCode } from './native.js'
import { type Processor, processor } from './processor.js'

/** What the code may use: 256 bits stands for AVX2, FMA and BMI2, 512 for AVX-512 F, BW, DQ and VL. */
export interface X64Options {
  readonly width: 256 | 512
  /** Sums of products that are instructions; default: those that pay on this processor. */
  readonly dots?: Machine['dots']
  /** The folder where code is kept for later processes; default: none. */
  readonly cache?: string | undefined
}

/**
 * Kernels as x86-64 machine code. What threads share is the address of the code: it is mapped once.
 *
 * @throws TargetError where this system runs no machine code
 */
export function x64Target({ width, dots, cache }: X64Options): Target {
  const native = nativeCode()
  if (typeof native === 'string')
    throw new TargetError({
      operation: 'x64',
      expected: 'a system that runs machine code',
      found: native,
      hint: 'npm install koffi, or use the wasm target',
    })
  const machine: Machine = {
    name: 'x64',
    lanes: width / 32,
    registers: width === 512 ? 32 : 16,
    floatBytes: 4,
    math: false,
    fused: true,
    dots: dots ?? dotsOf(processor(native), width),
    loadsF16: true,
  }
  // All that code depends on, but for the kernel.
  const kind = ['x64', String(width), ...[...machine.dots].sort(), native.convention].join('-')
  const codes = cache === undefined ? undefined : openCodeCache(cache, kind)
  const placed = (code: Uint8Array): Uint8Array => new Uint8Array(new Float64Array([native.map(code)]).buffer)
  return {
    machine,
    koffi: native.koffi,
    openInstead: openPlainMemory,
    ...(codes && { keptIn: codes }),
    emit(program, keep = false) {
      const code = compile(program, width, native.convention).assembler.finish()
      if (keep) codes?.add(program.name, code)
      return placed(code)
    },
    kept(name) {
      const code = codes?.get(name)
      return code && placed(code)
    },
    load(code, memory) {
      return native.bind(new Float64Array(code.slice().buffer)[0]!, memory)
    },
    release(code) {
      native.unmap(new Float64Array(code.slice().buffer)[0]!)
    },
    adopt(memory, maximumBytes) {
      native.enlargePages(memory, maximumBytes)
    },
    codeBytes(program) {
      return compile(program, width, native.convention).assembler.finish().length
    },
  }
}

/**
 * Intel's vdpbf16ps takes two cycles where multiply-adds of floats take half a one: there bf16 is better
 * widened.
 */
function dotsOf({ vendor, bf16, vnni, avxVnni }: Processor, width: 256 | 512): Machine['dots'] {
  const dots = new Set<'bytes' | 'sevenBits' | 'halves'>()
  dots.add((width === 512 ? vnni : avxVnni) ? 'bytes' : 'sevenBits')
  if (width === 512 && bf16 && vendor !== 'GenuineIntel') dots.add('halves')
  return dots
}
