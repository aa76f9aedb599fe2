export { run, type ExitStatus, type Register, type RunOptions } from './main.js'
export { UsageError } from './errors.js'
export type { Environment, Output } from './terminal.js'
