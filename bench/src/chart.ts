/**
 * Results as a picture: how many times better than the best peer heed is, a bar for each work, on a
 * logarithmic scale.
 */
import { type Claim, short } from './claim.js'

const [rowHeight, left, right, top] = [24, 450, 340, 64]
const barsWidth = 420

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** SVG. Works that have no peer are left out. */
export function chartOf(claims: readonly Claim[], machine: string): string {
  const rows = claims.flatMap(({ work, unit, heed, peers, best }) =>
    best && heed
      ? [
          {
            work,
            unit,
            ratio: best.ratio,
            peer: best.peer,
            own: heed.median,
            other: peers[best.peer]!.median,
          },
        ]
      : [],
  )
  const most = Math.max(2, ...rows.map(({ ratio }) => Math.max(ratio, 1 / ratio)))
  const decades = Math.ceil(Math.log2(most))
  const x = (ratio: number): number => left + (barsWidth / 2) * (1 + Math.log2(ratio) / decades)
  const width = left + barsWidth + right
  const bottom = top + rows.length * rowHeight
  const step = Math.max(1, Math.ceil(decades / 4))
  const ticks = Array.from({ length: 2 * decades + 1 }, (_, i) => i - decades).filter((i) => i % step === 0)
  const label = (power: number): string => (power < 0 ? `1/${2 ** -power}` : String(2 ** power))
  const grid = ticks.map(
    (power) =>
      `<line class="${power === 0 ? 'one' : 'grid'}" x1="${x(2 ** power)}" x2="${x(2 ** power)}" y1="${top - 6}" y2="${bottom}"/>` +
      `<text class="tick" x="${x(2 ** power)}" y="${top - 12}">${label(power)}×</text>`,
  )
  const bars = rows.map(({ work, unit, ratio, peer, own, other }, i) => {
    const y = top + i * rowHeight
    const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))]
    const figures = `${short(ratio)}×: ${short(own)} beside ${short(other)} ${unit}, ${peer}`
    return (
      `<text class="work" x="${left - 10}" y="${y + 15}">${escaped(work)}</text>` +
      `<rect class="${ratio >= 1 ? 'better' : 'worse'}" x="${from}" y="${y + 3}" width="${Math.max(1, to - from)}" height="${rowHeight - 8}"/>` +
      `<text x="${left + barsWidth + 12}" y="${y + 15}">${escaped(figures)}</text>`
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + 16}" viewBox="0 0 ${width} ${bottom + 16}" role="img">
<title>heed beside the best peer of each work</title>
<style>
  svg { background: #fff; font: 12px system-ui, sans-serif; fill: #222 }
  .work { text-anchor: end } .tick { text-anchor: middle; fill: #666 } .heading { font-size: 14px; font-weight: 600 }
  .grid { stroke: #ddd } .one { stroke: #222 } .better { fill: #1b7f5c } .worse { fill: #c2571a }
</style>
<text class="heading" x="10" y="20">heed beside the best peer of each work: times as good (right of 1×, heed is better)</text>
<text class="tick" style="text-anchor: start" x="10" y="38">${escaped(machine)}</text>
${grid.join('\n')}
${bars.join('\n')}
</svg>
`
}
