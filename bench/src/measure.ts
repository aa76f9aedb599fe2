/** Interleaved rounds: every engine, then the next round. Only one computes at a time. */
import type { Loaded, Memory, Readied, Sample } from './child.js'
import type { Options } from './options.js'
import type { Work } from './peer.js'
import { EngineLost, EngineProcess, flagsOf } from './process.js'
import { engines, limits, type Participant } from './roster.js'
import { summaryOf, type Summary } from './statistics.js'
import { amountOf, nameOf } from './work.js'

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

const slowest = 300
const log = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/** One participant over the whole script; its process is started anew when it is lost. */
class Seat {
  readonly participant: Participant
  readonly #options: Options
  readonly #flags: string[]
  #process: EngineProcess | undefined
  loaded: Loaded | undefined
  absent = ''

  constructor(participant: Participant, options: Options, flags: string[]) {
    this.participant = participant
    this.#options = options
    this.#flags = flags
  }

  async #start(): Promise<EngineProcess> {
    const { module, variant } = this.participant
    const started = new EngineProcess(this.#options.node, this.#flags, module, variant)
    try {
      this.loaded = await started.ask<Loaded>({ ask: 'load' }, slowest)
    } catch (error) {
      started.end()
      throw error
    }
    return started
  }

  /** Ask; on any failure give the reason, and a fresh process next time. */
  async ask<Answer>(request: Parameters<EngineProcess['ask']>[0]): Promise<Answer | string> {
    if (this.absent) return this.absent
    try {
      this.#process ??= await this.#start()
    } catch (error) {
      this.absent = (error as Error).message
      return this.absent
    }
    try {
      return await this.#process.ask<Answer>(request, slowest)
    } catch (error) {
      this.end()
      return error instanceof EngineLost ? error.message : `failed: ${(error as Error).message}`
    }
  }

  end(): void {
    this.#process?.end()
    this.#process = undefined
  }
}

function present(participants: Participant[], options: Options): Seat[] {
  const flags = flagsOf(options.node)
  return participants.map((participant) => new Seat(participant, options, flags))
}

/** Time each work on every engine and every limit. */
export async function timeWorks(
  works: Work[],
  limit: 'arithmetic' | 'memory' | 'none',
  { unit, higherIsBetter, figure }: Unit,
  options: Options,
): Promise<Result[]> {
  const [rounds, budget] = options.quick ? [3, 3] : [7, 12]
  const seats = present([...engines(options.target), ...limits(limit)], options)
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
      // A limit that is not measured on this kind of work is not worth a line.
      if (!(without && seat.participant.role === 'limit')) entrants.push({ seat, figures, values: [] })
    }
    const start = Date.now()
    for (let round = 0; round < rounds; round++) {
      if (round > 1 && Date.now() - start > budget * 1000) break
      for (const { seat, figures, values } of entrants) {
        if (figures.without !== undefined) continue
        const sample = await seat.ask<Sample>({ ask: 'sample' })
        if (typeof sample === 'string') figures.without = sample
        else values.push(figure((sample.seconds * amountOf(work)) / sample.amount, work))
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

/** Resident memory that each work adds to a fresh process, at its peak. */
export async function weighWorks(works: Work[], options: Options): Promise<Result[]> {
  const results: Result[] = []
  for (const work of works.filter((one) => nameOf(one).includes(options.only))) {
    log(`${nameOf(work)}, memory`)
    const figures: Figures[] = []
    for (const seat of present(engines(options.target), options)) {
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
  const participants = engines(options.target)
  const all = participants.map((participant) => ({
    participant,
    values: [] as number[],
    target: '',
    without: '',
  }))
  for (let round = 0; round < (options.quick ? 2 : 5); round++)
    for (const one of all) {
      if (one.without) continue
      const seat = present([one.participant], options)[0]!
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
