import type { Program } from '../../kernels/index.js'
import { compile } from './compile.js'
import { type Native, nativeCode } from './native.js'
import { printListing } from './print.js'

/** A disassembly of what the target makes of the program. */
export function printX64(program: Program): string {
  const { lanes } = program.machine
  const { convention } = nativeCode() as Native
  const { assembler, spilledInside } = compile(program, lanes === 16 ? 512 : 256, convention)
  const form = `${lanes === 16 ? 'AVX-512' : 'AVX2 and FMA'}, vectors of ${lanes} floats`
  const spilled =
    spilledInside === 0 ? '' : `; ${spilledInside} vectors of inner loops are kept on the stack\n`
  return `; kernel ${program.name}\n; ${form}: rdi is the heap, esi the parameters, edx and ecx the tasks, r8d the scratch memory\n${spilled}${printListing(assembler)}`
}
