import type { LinearMemory } from '../base/index.js'
import type { Machine, Program } from '../kernels/index.js'

/**
 * A kernel that is ready to run on one thread: executes tasks begin … end − 1. `parameters` is the byte
 * address of the launch's parameter block (8 bytes a parameter), `scratch` that of this thread's scratch
 * memory.
 */
export type Run = (parameters: number, begin: number, end: number, scratch: number) => void

/**
 * Turns programs into something that runs on a heap. Code is plain bytes, so that one thread can emit it and
 * every thread of the process can load it: WebAssembly bytes, JavaScript source, the address of machine code.
 */
export interface Target {
  readonly machine: Machine
  /** @param keep whether `kept` may give it to later processes */
  emit(program: Program, keep?: boolean): Uint8Array
  /**
   * What `emit` gave for the kernel of this name, in this process or an earlier one, where the target keeps
   * that.
   */
  kept?(name: string): Uint8Array | undefined
  /** The file where that is, and why nothing is kept there, where nothing is. */
  readonly keptIn?: { readonly path: string; readonly refusal: string | undefined }
  load(code: Uint8Array, memory: LinearMemory): Run
  /**
   * Where code is the address of machine code (a float of 64 bits): the file that threads load koffi from, to
   * call it.
   */
  readonly koffi?: string
  /**
   * Memory of so many pages of 64 KiB where there is none of WebAssembly's, which the target does without.
   */
  readonly openInstead?: (pages: number) => LinearMemory
  /** Told of the memory that kernels will run on, and how large it may grow. */
  adopt?(memory: LinearMemory, maximumBytes: number): void
  /** Bytes of code, where `emit` gives only where it is. */
  codeBytes?(program: Program): number
  /** Gives back what `emit` or `kept` took for code that nobody runs any more. */
  release?(code: Uint8Array): void
}
