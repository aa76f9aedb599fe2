import { parseArgs } from 'node:util'

export type Options = {
  /** Print JSON instead of tables. */
  json: boolean
  /** Fewer works and rounds. */
  quick: boolean
  /** The Node binary that runs the engines. */
  node: string
  /** The target asked of heed; empty: its own choice. */
  target: string
  /** Only the works whose name contains this. */
  only: string
}

export function optionsOf(args: string[] = process.argv.slice(2)): Options {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      node: { type: 'string', default: process.execPath },
      target: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
    },
  })
  return values
}
