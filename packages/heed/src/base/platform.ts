import { UsageError } from './errors.js'

/**
 * A `WebAssembly.Memory`, as far as the public types speak of it: programs compile without the compiler's
 * library for browsers.
 */
export interface LinearMemory {
  readonly buffer: ArrayBufferLike
  grow(pages: number): number
}

/** An `AbortSignal`, as far as it is looked at. */
export interface StopSignal {
  readonly aborted: boolean
}

/**
 * A module of Node's own, without an import that a bundler for browsers would have to resolve.
 *
 * @throws {UsageError} where this is not Node, or one that has no such module
 */
export function nodeModule<M extends object>(name: string, operation: string): M {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => object | undefined }
  }
  const found = process?.getBuiltinModule?.(name)
  if (found !== undefined) return found as M
  throw new UsageError({
    operation,
    expected: `Node 20.16 or newer, for its module ${name}`,
    found: process === undefined ? 'a browser' : 'something that has no such module',
    hint: 'in a browser, fetch the bytes and give those: modelFromFiles and readSafetensors take bytes',
  })
}
