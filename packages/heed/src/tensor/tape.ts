import { deferFreeing } from './scope.js'
import type { AnyTensor } from './tensor.js'

/** An operation that ran: enough to find its gradient. */
export interface Recorded<Attributes = unknown> {
  /** Its name in autograd's table. */
  readonly operation: string
  readonly inputs: readonly AnyTensor[]
  readonly output: AnyTensor
  /** What the gradient needs beside inputs and output. */
  readonly attributes: Attributes
}

/** Listens to operations while a gradient is wanted. */
export interface Tape {
  /** Whether the gradient of anything that depends on these is wanted. */
  tracks(inputs: readonly AnyTensor[]): boolean
  record(entry: Recorded): void
  /** Told of a tensor that is taken as a constant from here on (`stopGradient`). */
  stop?(input: AnyTensor): void
}

let current: Tape | undefined

/** Called by each operation with what it made, which is freed where the tape refuses it. */
export function record<T extends AnyTensor>(
  operation: string,
  inputs: readonly AnyTensor[],
  output: T,
  attributes?: unknown,
): T {
  if (current === undefined) return output
  try {
    if (current.tracks(inputs)) current.record({ operation, inputs, output, attributes })
    return output
  } catch (error) {
    output.dispose()
    throw error
  }
}

/** Whether an operation on these inputs will be differentiated: then it keeps what its gradient needs. */
export function tracked(inputs: readonly AnyTensor[]): boolean {
  return current !== undefined && current.tracks(inputs)
}

/** The tape that listens now. */
export function currentTape(): Tape | undefined {
  return current
}

/**
 * Runs `work` with operations reported to `tape`, or to nobody.
 *
 * @param keeps whether the tape may need what inner scopes made
 */
export function withTape<T>(tape: Tape | undefined, work: () => T, keeps: boolean = tape !== undefined): T {
  const outer = current
  const deferred = deferFreeing(keeps)
  current = tape
  try {
    return work()
  } finally {
    current = outer
    deferFreeing(deferred)
  }
}
