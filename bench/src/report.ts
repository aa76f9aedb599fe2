import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { chartOf } from './chart.js'
import { claimOf, shareOf, short } from './claim.js'
import { markdownOf } from './markdown.js'
import type { Result } from './measure.js'
import { optionsOf, type Options } from './options.js'

export function tableOf(result: Result): string {
  const claim = claimOf(result)
  const lines = result.figures.map((figures) => {
    const { participant, summary, how, without, target } = figures
    const name = `  ${participant.name}${participant.role === 'heed' && target ? ` (${target})` : ''}`.padEnd(
      34,
    )
    if (!summary)
      return `${name}${without ? `  ${participant.role === 'heed' ? 'heed: ' : '– '}${without}` : ''}`
    const { median, min, max } = summary
    const share = shareOf(claim, figures)
    return [
      name,
      short(median).padStart(9),
      `${short(min)} … ${short(max)}`.padStart(22),
      (share !== undefined && participant.role !== 'limit' ? `${(share * 100).toFixed(0)}%` : '').padStart(6),
      `  ${participant.role === 'limit' ? '' : how}`,
    ].join('')
  })
  const direction = result.higherIsBetter ? 'higher is better' : 'lower is better'
  const { best } = claim
  return [
    `${result.work} (${result.unit}, ${direction}; median, min … max, share of its target's limit)`,
    ...lines,
    ...(best ? [`  heed is ${short(best.ratio)} times as good as the best peer, ${best.peer}`] : []),
  ].join('\n')
}

/** What runs the engines. */
function machineOf({ node, threads }: Options): string {
  const version = execFileSync(node, ['-p', 'process.version'], { encoding: 'utf8' }).trim()
  return `Node ${version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${threads} threads`
}

/**
 * Run a script's measurements and print them as asked.
 *
 * @param chart where the chart is written unless --chart says otherwise
 */
export async function report(
  measure: (options: Options) => Promise<Result[]>,
  chart?: string,
): Promise<void> {
  const options = optionsOf(chart)
  const results = await measure(options)
  const claims = results.map(claimOf)
  const machine = machineOf(options)
  if (options.chart) {
    writeFileSync(options.chart, chartOf(claims, machine))
    writeFileSync(options.chart.replace(/(\.svg)?$/, '.md'), markdownOf(claims, machine))
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(claims, null, 2)}\n`)
    return
  }
  process.stdout.write(`${machine}\n`)
  for (const result of results) process.stdout.write(`\n${tableOf(result)}\n`)
}

/** Whether a script is run by itself, and not imported by another. */
export const isMain = (url: string): boolean => process.argv[1] === fileURLToPath(url)
