import { printX64 } from '#x64'
import type { Program } from '../kernels/index.js'
import { javaScriptSource } from './interpreter/source.js'
import type { Target } from './target.js'
import { printWasm } from './wasm/text.js'
import type { WasmTarget } from './wasm/wasm.js'

/**
 * What a person reads to see what runs: WebAssembly text, a disassembly, JavaScript.
 *
 * @param program assembled for the target's machine
 */
export function printCode(target: Target, program: Program): string {
  if (target.machine.name === 'x64') return printX64(program)
  return 'options' in target ? printWasm(program, (target as WasmTarget).options) : javaScriptSource(program)
}
