import { availableParallelism } from 'node:os'
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
  /** Threads of every engine that has threads. */
  threads: number
  /** Only the peers whose name contains one of these; empty: all. */
  peers: string[]
  /** Where to write the chart, and beside it, as .md, the table; empty: nowhere. */
  chart: string
}

/** `chart`: where it is written unless --chart says otherwise. */
export function optionsOf(chart = '', args: string[] = process.argv.slice(2)): Options {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      node: { type: 'string', default: process.execPath },
      target: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      threads: { type: 'string', default: process.env['HEED_THREADS'] ?? String(availableParallelism()) },
      peers: { type: 'string', default: '' },
      chart: { type: 'string', default: chart },
    },
  })
  const threads = Number(values.threads)
  if (!Number.isInteger(threads) || threads < 1)
    throw new Error(`--threads is a whole number from 1 on, found '${values.threads}'`)
  return { ...values, threads, peers: values.peers.split(',').filter((name) => name !== '') }
}
