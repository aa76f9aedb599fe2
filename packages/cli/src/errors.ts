import { inspect } from 'node:util'
import { escaped } from './terminal.js'

/** The command was called wrongly (an unknown name, a value out of range): exit status 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}

/**
 * Whether the command was called wrongly: the library refuses options and configurations with an error of its
 * own.
 */
export async function isWrongUse(error: unknown): Promise<boolean> {
  if (error instanceof UsageError) return true
  // Loaded by then if the error is the library's: the command's help does without.
  const heed = await import('heed')
  return error instanceof heed.UsageError
}

/**
 * What the user reads when a command fails: one line, without a stack, safe to show on a terminal.
 *
 * @param error whatever was thrown
 * @param debug true (HEED_DEBUG=1): the stack and the causes as well
 */
export function describeError(error: unknown, debug: boolean): string {
  if (debug && typeof error !== 'string') return escaped(inspect(error), '\n')
  const message = error instanceof Error ? error.message || error.name : String(error)
  return escaped(message.replace(/[ \t]*[\r\n]+[ \t]*/g, ' ').trim())
}
