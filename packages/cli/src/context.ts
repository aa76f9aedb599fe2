import type { Command } from 'commander'
import type { Environment, Output } from './terminal.js'

/**
 * What a command works with besides its arguments. Both outputs are guarded: nothing that acts on a terminal
 * passes.
 */
export interface Context {
  /** For results. */
  readonly output: Output
  /** The same, unguarded: for text that is itself the result, see {@link textStream}. */
  readonly rawOutput: Output
  /** For errors, progress and remarks. */
  readonly errorOutput: Output
  readonly environment: Environment
  /** Of this package. */
  readonly version: string
}

/**
 * Adds one command to the program. Each file of commands/ exports one; main.ts lists them. What the command
 * does is imported when it is called, from actions/, so that help comes at once.
 */
export type Register = (program: Command, context: Context) => void
