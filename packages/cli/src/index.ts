export type { Context, Register } from './context.js'
export { failureText, run, type ExitStatus, type RunOptions } from './main.js'
export { UsageError } from './errors.js'
export type { Environment, Output } from './terminal.js'
