import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Figures, Result } from './measure.js'
import { optionsOf, type Options } from './options.js'
import type { Summary } from './statistics.js'

export type Claim = {
  work: string
  unit: string
  higherIsBetter: boolean
  heed: ({ target: string } & Summary) | null
  peers: Record<string, Summary>
  /** The best that this machine was measured to do in the same rounds, in the same unit. */
  limit: number | null
  /** Why an engine has no figure. */
  without: Record<string, string>
}

const best = (values: number[], higherIsBetter: boolean): number | null =>
  values.length ? (higherIsBetter ? Math.max : Math.min)(...values) : null

export function claimOf({ work, unit, higherIsBetter, figures }: Result): Claim {
  const of = (role: string): Figures[] => figures.filter(({ participant }) => participant.role === role)
  const heed = of('heed')[0]
  return {
    work,
    unit,
    higherIsBetter,
    heed: heed?.summary ? { target: heed.target, ...heed.summary } : null,
    peers: Object.fromEntries(
      of('peer').flatMap(({ participant, summary }) => (summary ? [[participant.name, summary]] : [])),
    ),
    limit: best(
      of('limit').flatMap(({ summary }) => (summary ? [higherIsBetter ? summary.max : summary.min] : [])),
      higherIsBetter,
    ),
    without: Object.fromEntries(
      figures.flatMap(({ participant, without }) =>
        without === undefined ? [] : [[participant.name, without]],
      ),
    ),
  }
}

const short = (value: number): string => (value >= 1000 ? value.toFixed(0) : value.toPrecision(3))

export function tableOf(result: Result): string {
  const { limit } = claimOf(result)
  const lines = result.figures.map(({ participant, summary, how, without, target }) => {
    const name = `  ${participant.name}${participant.role === 'heed' && target ? ` (${target})` : ''}`.padEnd(
      34,
    )
    if (!summary)
      return `${name}${without ? `  ${participant.role === 'heed' ? 'heed: ' : '– '}${without}` : ''}`
    const { median, min, max } = summary
    const share = result.higherIsBetter ? median / (limit ?? 0) : (limit ?? 0) / median
    return [
      name,
      short(median).padStart(9),
      `${short(min)} … ${short(max)}`.padStart(22),
      (limit && participant.role !== 'limit' ? `${(share * 100).toFixed(0)}%` : '').padStart(6),
      `  ${participant.role === 'limit' ? '' : how}`,
    ].join('')
  })
  const direction = result.higherIsBetter ? 'higher is better' : 'lower is better'
  return [
    `${result.work} (${result.unit}, ${direction}; median, min … max, share of the limit)`,
    ...lines,
  ].join('\n')
}

/** Run a script's measurements and print them as asked. */
export async function report(measure: (options: Options) => Promise<Result[]>): Promise<void> {
  const options = optionsOf()
  const results = await measure(options)
  if (options.json) {
    process.stdout.write(`${JSON.stringify(results.map(claimOf), null, 2)}\n`)
    return
  }
  const version = execFileSync(options.node, ['-p', 'process.version'], { encoding: 'utf8' }).trim()
  process.stdout.write(`Node ${version}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n`)
  for (const result of results) process.stdout.write(`\n${tableOf(result)}\n`)
}

/** Whether a script is run by itself, and not imported by another. */
export const isMain = (url: string): boolean => process.argv[1] === fileURLToPath(url)
