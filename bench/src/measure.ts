/** Interleaved rounds: every engine, in an order of the round's own. Only one computes at a time. */
import type { Memory, Readied, Sample } from './child.js'
import type { Options } from './options.js'
import type { Work } from './peer.js'
import { type Bound, engines, limits, type Participant } from './roster.js'
import { type Seat, seatsOf } from './seat.js'
import { shuffled, summaryOf, type Summary } from './statistics.js'
import { amountOf, bytesOf, nameOf } from './work.js'

/** What one participant gave: figures in the result's unit, or the reason why there are none. */
export type Figures = {
  participant: Participant
  target: string
  how: string
  summary?: Summary
  without?: string
}
export type Result = { work: string; unit: string; higherIsBetter: boolean; figures: Figures[] }

/** How seconds per run become the figure that is shown. */
export type Unit = { unit: string; higherIsBetter: boolean; figure: (seconds: number, work: Work) => number }

export const milliseconds: Unit = {
  unit: 'ms',
  higherIsBetter: false,
  figure: (seconds) => seconds * 1e3,
}

const log = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/** How works are timed. */
export type Timing = Unit & {
  /** Which limits of the machine are measured beside. */
  bound: Bound
  /** No peers: works that only heed is asked to do, once. */
  alone?: boolean
}

/** Time each work on every engine and every limit. */
export async function timeWorks(works: Work[], timing: Timing, options: Options): Promise<Result[]> {
  const { unit, higherIsBetter, figure, bound, alone = false } = timing
  const [rounds, budget] = alone ? [1, 0] : options.quick ? [3, 3] : [15, 30]
  const everybody = engines(options).filter(({ role }) => !alone || role === 'heed')
  const seats = seatsOf([...everybody, ...limits(bound, options)], options, alone ? 3600 : 300)
  const results: Result[] = []
  for (const work of works.filter((one) => nameOf(one).includes(options.only))) {
    log(nameOf(work))
    const entrants: { seat: Seat; figures: Figures; values: number[] }[] = []
    for (const seat of seats) {
      const readied = await seat.ask<Readied>({ ask: 'prepare', work })
      const without = typeof readied === 'string' ? readied : readied.refused
      const figures: Figures = {
        participant: seat.participant,
        target: seat.loaded?.target ?? '',
        how: typeof readied === 'string' ? '' : readied.formulation,
        ...(without === undefined ? {} : { without }),
      }
      // A limit that is not measured here is not worth a line.
      if (!(without && seat.participant.role === 'limit')) entrants.push({ seat, figures, values: [] })
    }
    const start = Date.now()
    for (let round = 0; round < rounds; round++) {
      if (round > 1 && Date.now() - start > budget * 1000) break
      // In another order each round: what ran just before leaves caches and the processor's clock as it
      // likes.
      for (const { seat, figures, values } of shuffled(entrants, round)) {
        if (figures.without !== undefined) continue
        const sample = await seat.ask<Sample>({ ask: 'sample' })
        if (typeof sample === 'string') figures.without = sample
        else values.push(figure(secondsOf(sample, work, bound), work))
      }
    }
    for (const { seat, figures, values } of entrants) {
      if (figures.without !== undefined) seat.end()
      else {
        await seat.ask({ ask: 'dispose' })
        figures.summary = summaryOf(values)
      }
    }
    results.push({
      work: nameOf(work),
      unit,
      higherIsBetter,
      figures: entrants.map(({ figures }) => figures),
    })
  }
  for (const seat of seats) seat.end()
  return results
}

/** Of a limit, the seconds that the work would take if nothing but its operations or bytes took time. */
function secondsOf({ seconds, amount }: Sample, work: Work, bound: Bound): number {
  if (amount === undefined) return seconds
  return (seconds * (bound === 'arithmetic' ? amountOf(work) : bytesOf(work))) / amount
}

/** Resident memory that each work adds to a fresh process, at its peak. */
export async function weighWorks(works: Work[], options: Options): Promise<Result[]> {
  const results: Result[] = []
  for (const work of works.filter((one) => nameOf(one).includes(options.only))) {
    log(`${nameOf(work)}, memory`)
    const figures: Figures[] = []
    for (const seat of seatsOf(engines(options), options)) {
      const memory = await seat.ask<Memory>({ ask: 'memory', work })
      seat.end()
      const without = typeof memory === 'string' ? memory : memory.refused
      const base = { participant: seat.participant, target: seat.loaded?.target ?? '' }
      if (typeof memory === 'string' || without !== undefined)
        figures.push({ ...base, how: '', without: without! })
      else
        figures.push({
          ...base,
          how: `keeps ${(memory.kept / 1e6).toFixed(0)} MB`,
          summary: summaryOf([memory.peak / 1e6]),
        })
    }
    results.push({ work: `${nameOf(work)}, peak memory added`, unit: 'MB', higherIsBetter: false, figures })
  }
  return results
}

/** From before the import to the first result of a small addition, in a fresh process each time. */
export async function timeImports(options: Options): Promise<Result> {
  log('import')
  const participants = engines(options)
  const all = participants.map((participant) => ({
    participant,
    values: [] as number[],
    target: '',
    without: '',
  }))
  for (let round = 0; round < (options.quick ? 2 : 5); round++)
    for (const one of all) {
      if (one.without) continue
      const seat = seatsOf([one.participant], options)[0]!
      const answer = await seat.ask({ ask: 'dispose' })
      seat.end()
      if (typeof answer === 'string') one.without = answer
      else one.values.push(seat.loaded!.milliseconds)
      one.target = seat.loaded?.target ?? ''
    }
  return {
    work: 'import, until the first result',
    unit: 'ms',
    higherIsBetter: false,
    figures: all.map(({ participant, values, target, without }) =>
      without
        ? { participant, target, how: '', without }
        : { participant, target, how: '', summary: summaryOf(values) },
    ),
  }
}
