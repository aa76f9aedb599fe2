import { StateError } from './errors.js'

/**
 * Whether a callback that has to be done when it returns gave a promise. Nobody waits for it: whoever asks
 * refuses it, and what it rejects with later must not end the process.
 */
export function isAbandonedPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null || !('then' in value)) return false
  if (typeof value.then !== 'function') return false
  Promise.resolve(value as PromiseLike<unknown>).catch(() => {})
  return true
}

/**
 * Gives back what synchronous work gave.
 *
 * @throws StateError if it is a promise; what becomes of it is given up
 */
export function refusePromise<T>(operation: string, result: T, hint: string): T {
  if (isAbandonedPromise(result)) {
    throw new StateError({
      operation,
      expected: 'synchronous work',
      found: 'a promise, of which only the beginning was run',
      hint,
    })
  }
  return result
}

/** What a value is, for a message: `a promise`, `null`, `string`. */
export function kindOf(value: unknown): string {
  return isAbandonedPromise(value) ? 'a promise' : value === null ? 'null' : typeof value
}
