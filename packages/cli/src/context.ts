import type { Command } from 'commander'
import type { Environment, Output } from './terminal.js'

/** What a command works with besides its arguments. */
export interface Context {
  /** For results. */
  readonly output: Output
  /** For errors, progress and remarks. */
  readonly errorOutput: Output
  readonly environment: Environment
  /** Of this package. */
  readonly version: string
}

/**
 * Adds one command to the program. Each file of commands/ exports one; main.ts lists them. What the command does is imported when it
 * is called, from actions/, so that help comes at once.
 */
export type Register = (program: Command, context: Context) => void
