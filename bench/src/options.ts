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

const help = `
--json          print JSON instead of tables
--quick         fewer works and rounds
--only TEXT     only the works whose name contains it
--peers A,B     only the peers whose name contains one of these; 'none' leaves heed alone
--threads N     threads of every engine that has threads (default: HEED_THREADS, else one for each processor)
--target NAME   the target asked of heed: x64, wasm, interpreter (default: its own choice)
--node PATH     the Node that runs the engines
--chart PATH    write a chart (SVG), and beside it the table (.md)

README.md has the benches, and what a sample is.
`.trim()

/**
 * `chart`: where it is written unless --chart says otherwise. Ends the process where the options ask for
 * help, or make no sense.
 */
export function optionsOf(chart = '', args: string[] = process.argv.slice(2)): Options {
  try {
    return parsed(chart, args)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}\n`)
    process.exit(2)
  }
}

function parsed(chart: string, args: string[]): Options {
  const {
    values: { help: wanted, ...values },
  } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
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
  if (wanted) {
    process.stdout.write(`${help}\n`)
    process.exit(0)
  }
  const threads = Number(values.threads)
  if (!Number.isInteger(threads) || threads < 1)
    throw new Error(`--threads is a whole number from 1 on, found '${values.threads}'`)
  return { ...values, threads, peers: values.peers.split(',').filter((name) => name !== '') }
}
