/** What a result says: heed's figure beside the peers' and the machine's limit. */
import type { Figures, Result } from './measure.js'
import type { Summary } from './statistics.js'

export type Claim = {
  work: string
  unit: string
  higherIsBetter: boolean
  heed: ({ target: string } & Summary) | null
  peers: Record<string, Summary>
  /**
   * The best that this machine was measured to do in the same rounds with the instructions of heed's target,
   * in the same unit.
   */
  limit: number | null
  /** The same for each kind of instructions that was measured. */
  limits: Record<string, number>
  /** The best peer, and how many times better than it heed is, by the medians. */
  best: { peer: string; ratio: number } | null
  /** Why an engine has no figure. */
  without: Record<string, string>
}

function limitsOf({ higherIsBetter, figures }: Result): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const { participant, target, summary } of figures) {
    if (participant.role !== 'limit' || !summary) continue
    const own = higherIsBetter ? summary.max : summary.min
    const known = limits[target]
    limits[target] = known === undefined ? own : higherIsBetter ? Math.max(known, own) : Math.min(known, own)
  }
  return limits
}

export function claimOf(result: Result): Claim {
  const { work, unit, higherIsBetter, figures } = result
  const of = (role: string): Figures[] => figures.filter(({ participant }) => participant.role === role)
  const heed = of('heed')[0]
  const peers = of('peer').flatMap(({ participant, summary }) =>
    summary ? [[participant.name, summary] as const] : [],
  )
  const limits = limitsOf(result)
  const [best] = peers.toSorted(([, a], [, b]) => (a.median - b.median) * (higherIsBetter ? -1 : 1))
  const ratioTo = (other: number, own: number): number => (higherIsBetter ? own / other : other / own)
  return {
    work,
    unit,
    higherIsBetter,
    heed: heed?.summary ? { target: heed.target, ...heed.summary } : null,
    peers: Object.fromEntries(peers),
    limit: limits[heed?.target ?? ''] ?? null,
    limits,
    best:
      best && heed?.summary ? { peer: best[0], ratio: ratioTo(best[1].median, heed.summary.median) } : null,
    without: Object.fromEntries(
      figures.flatMap(({ participant, without }) =>
        without === undefined ? [] : [[participant.name, without]],
      ),
    ),
  }
}

/** What part of the limit of its own instructions a figure reaches, or undefined where none was measured. */
export function shareOf({ higherIsBetter, limits }: Claim, figures: Figures): number | undefined {
  const limit = limits[figures.target]
  if (limit === undefined || !figures.summary) return undefined
  const { median } = figures.summary
  return higherIsBetter ? median / limit : limit / median
}

/** Three digits. */
export const short = (value: number): string =>
  Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3)
