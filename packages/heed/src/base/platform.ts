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
