/** Results as a Markdown table: a row for each work, a column for each engine. */
import { type Claim, short } from './claim.js'

export function markdownOf(claims: readonly Claim[], machine: string): string {
  const peers = [...new Set(claims.flatMap((claim) => Object.keys(claim.peers)))]
  const cell = (value: number | undefined, isBest: boolean): string =>
    value === undefined ? '–' : isBest ? `**${short(value)}**` : short(value)
  const rows = claims.map(({ work, unit, higherIsBetter, heed, peers: figures, limit, best }) => {
    const all = [heed?.median, ...peers.map((peer) => figures[peer]?.median)]
    const known = all.filter((value) => value !== undefined)
    // Nobody is the best who is alone.
    const most = known.length < 2 ? undefined : (higherIsBetter ? Math.max : Math.min)(...known)
    const share = limit && heed ? (higherIsBetter ? heed.median / limit : limit / heed.median) : undefined
    return [
      work,
      unit,
      ...all.map((value) => cell(value, value === most)),
      best ? `${short(best.ratio)}×` : '–',
      share === undefined ? '–' : `${(share * 100).toFixed(0)}%`,
    ]
  })
  const target = claims.find(({ heed }) => heed?.target)?.heed?.target
  const head = [
    'work',
    'unit',
    target ? `heed (${target})` : 'heed',
    ...peers,
    'heed to the best peer',
    "share of the target's limit",
  ]
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`
  return [
    `${machine}. Medians; the best in bold; ms, µs and MB are better when lower, everything else when higher.`,
    '',
    line(head),
    line(head.map((_, i) => (i < 2 ? '---' : '---:'))),
    ...rows.map(line),
    '',
  ].join('\n')
}
