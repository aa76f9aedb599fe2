/**
 * The errors that heed throws. Each one says which operation failed, what it expected, what it found and
 * what to do about it, in fields for programs and in one sentence for people:
 *
 *     softmax: expected axis 'key' of size 5, found 7; give query and key the same batch
 */

/** What every error says. `expected`, `found` and `hint` are phrases that read on from each other. */
export interface ErrorDetail {
  /** The operation or function that refused, as its caller knows it: `softmax`, `readSafetensors`. */
  readonly operation: string
  /** What would have been right: `axis 'key' of size 5`. */
  readonly expected: string
  /** What was there instead: `7`. */
  readonly found: string
  /** What the caller can do. */
  readonly hint: string
  /** The error underneath, if there was one. */
  readonly cause?: unknown
}

/** The base of every error that heed throws on purpose. */
export class HeedError extends Error {
  override name = 'HeedError'
  readonly operation: string
  readonly expected: string
  readonly found: string
  readonly hint: string

  constructor(detail: ErrorDetail) {
    const { operation, expected, found, hint } = detail
    super(
      `${operation}: expected ${expected}, found ${found}; ${hint}`,
      'cause' in detail ? { cause: detail.cause } : {},
    )
    this.operation = operation
    this.expected = expected
    this.found = found
    this.hint = hint
  }
}

/** Axes or sizes that don't fit the operation. */
export class ShapeError extends HeedError {
  override name = 'ShapeError'
  /** The axis in question, where it is one. */
  readonly axis: string | undefined

  constructor(detail: ErrorDetail & { readonly axis?: string | undefined }) {
    super(detail)
    this.axis = detail.axis
  }
}

/** A number format that the operation doesn't take. */
export class DtypeError extends HeedError {
  override name = 'DtypeError'
}

/** A file, or bytes from outside, that are not what they claim to be. */
export class FormatError extends HeedError {
  override name = 'FormatError'
  /** The file's path, where known. */
  readonly file: string | undefined
  /** Where in the file, in bytes from its start, where known. */
  readonly offset: number | undefined

  constructor(
    detail: ErrorDetail & { readonly file?: string | undefined; readonly offset?: number | undefined },
  ) {
    super(detail)
    this.file = detail.file
    this.offset = detail.offset
  }
}

/** Memory that can't be had: the heap is full, or the request is larger than it can ever be. */
export class MemoryError extends HeedError {
  override name = 'MemoryError'
}

/** A target (wasm, x64, …) that isn't available here, or that refuses a kernel. */
export class TargetError extends HeedError {
  override name = 'TargetError'
}

/** Options, a configuration or arguments that make no sense. */
export class UsageError extends HeedError {
  override name = 'UsageError'
}

/** A call at the wrong time: a tensor used after it was freed, a scope closed twice. */
export class StateError extends HeedError {
  override name = 'StateError'
}
