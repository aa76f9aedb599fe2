import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AttendResult, ModelSummary } from '@heed/studio'
import {
  tensorBoardStart,
  type EvaluationEvent,
  type ResumeResult,
  type SnapshotEvent,
  type StepEvent,
  type TensorBoardEvent,
  type TrainerHooks,
} from 'heed'
import { countText } from '../format.js'
import { FilmFile } from './film-file.js'
import { frameOf, type Scene } from './film.js'
import { eventRecords, History } from './history.js'
import { PatientHistory, type Opening } from './patient-history.js'
import type { Progress } from './progress.js'
import { lossFrom, writeWatched, type LossEntry, type Watched } from './watch.js'

/** Names in the output folder. */
export const lossesFile = 'losses.jsonl'
export const snapshotsFile = 'snapshots.jsonl'
export const reportFile = 'report.html'
/** What TensorBoard's files begin with. */
export const eventsFile = 'events.out.tfevents.'

/** Losses are shown as the mean of so many steps. */
const smoothing = 10

/** A text whose filters are kept while a model of the type `M` is trained. */
export interface WatchedText<M> {
  readonly scene: Scene
  readonly attend: (model: M) => AttendResult
  readonly summary: (model: M) => ModelSummary
  /** What is to be told of it: that it was cut. */
  readonly note?: string | undefined
  /** The model that the training began with; undefined for a new one. */
  readonly from?: string | undefined
}

/** What a recorder keeps, and where. */
export interface RecorderOptions<M> {
  /** The output folder. */
  readonly output: string
  readonly progress: Progress
  /**
   * UTF-8 bytes that a token of the validation data stands for: its loss is then told in bits a byte, too.
   */
  readonly bytesPerToken?: number | undefined
  /** Makes ready what is watched. Default: nothing is. */
  readonly watched?: (() => WatchedText<M>) | undefined
}

/** Listens to a run: keeps its losses and snapshots in files, writes the page, tells the progress. */
export class Recorder<M> {
  readonly #options: RecorderOptions<M>
  readonly #recent: number[] = []
  readonly #entries: LossEntry[] = []
  readonly #noted = new Set<string>()
  #losses: History<LossEntry> | undefined
  #events: PatientHistory<TensorBoardEvent> | undefined
  #watched: WatchedText<M> | undefined
  #film: FilmFile | undefined
  #validation: LossEntry | undefined
  #report: string | undefined
  /** Of the run, once one was made. */
  #steps: number | undefined
  /** Whether the page is that of the last step. */
  #isFinal = false

  constructor(options: RecorderOptions<M>) {
    this.#options = options
  }

  /** Mean of the last steps: in nats a token, or as the objective has it. */
  get loss(): number | undefined {
    const { length } = this.#recent
    return length === 0 ? undefined : this.#recent.reduce((sum, loss) => sum + loss, 0) / length
  }
  /** Of the last evaluation. */
  get validation(): number | undefined {
    return this.#validation?.validation
  }
  /** What the last evaluation measured beside. */
  get metrics(): Readonly<Record<string, number>> | undefined {
    return this.#validation?.metrics
  }
  get bitsPerByte(): number | undefined {
    const { bytesPerToken } = this.#options
    if (this.validation === undefined || bytesPerToken === undefined) return undefined
    return this.validation / Math.LN2 / bytesPerToken
  }
  /** The page's path, once it is written. */
  get report(): string | undefined {
    return this.#report
  }

  /** Opens the files, cut back to where the run goes on from; undefined: they begin anew. */
  async begin(found: ResumeResult | undefined): Promise<void> {
    const at = (name: string): string => join(this.#options.output, name)
    const { step = -1, evaluatedStep = -1, snapshotStep = -1 } = found ?? {}
    this.#losses = await History.open<LossEntry>(at(lossesFile), {
      parse: lossFrom,
      // An evaluation that the checkpoint doesn't know of is made again.
      keep: (entry) => entry.step <= (entry.validation === undefined ? step : evaluatedStep),
      each: (entry) => this.#remember(entry),
    })
    this.#tellDamage(lossesFile, this.#losses.damaged)
    this.#events = new PatientHistory(() => this.#eventsOpening(step, evaluatedStep))
    await this.#events.open().catch((error: unknown) => this.#noteEvents(error))
    const { watched, progress } = this.#options
    if (watched === undefined) return
    try {
      const made = (this.#watched = watched())
      if (made.note !== undefined) this.#noteOnce(made.note)
      this.#film = new FilmFile(at(snapshotsFile), made.scene, snapshotStep)
      this.#tellDamage(snapshotsFile, await this.#film.open())
      const { others } = this.#film.film
      if (others > 0)
        progress.note(
          `${countText(others)} snapshots in ${at(snapshotsFile)} are of another text: the page leaves them out`,
        )
    } catch (error) {
      this.#noteFilm(error)
    }
  }

  /** TensorBoard's file: that of the run so far, or a new one. */
  async #eventsOpening(step: number, evaluatedStep: number): Promise<Opening<TensorBoardEvent>> {
    const { output } = this.#options
    const seconds = Math.floor(Date.now() / 1000)
    const names = (await readdir(output)).filter((name) => name.startsWith(eventsFile)).toSorted()
    return {
      path: join(output, names.at(-1) ?? `${eventsFile}${String(seconds).padStart(10, '0')}.heed`),
      reading: {
        parse: (value) => value as TensorBoardEvent | undefined,
        keep: (event) => event.step <= (isEvaluation(event) ? evaluatedStep : step),
        each: () => {},
      },
      form: eventRecords,
      opened: async (history) => {
        if (history.isEmpty) await history.add(tensorBoardStart(seconds))
      },
    }
  }

  /**
   * Puts on the disk what belongs to a step before its checkpoint. @throws {HeedError} where losses can't be
   * written
   */
  async save(): Promise<void> {
    await this.#losses?.flush()
    await this.#events?.flush().catch((error: unknown) => this.#noteEvents(error))
    await this.#film?.flush().catch((error: unknown) => this.#noteFilm(error))
  }

  /** Writes what is left, where that can be done, and closes the files. */
  async end(): Promise<void> {
    await this.#losses?.flush().catch((error: unknown) => this.#noteOnce(messageOf(error)))
    await this.#events?.flush().catch((error: unknown) => this.#noteEvents(error))
    await this.#film?.flush().catch((error: unknown) => this.#noteFilm(error))
    for (const file of [this.#losses, this.#events, this.#film]) await file?.close().catch(() => {})
    this.#losses = undefined
    this.#events = undefined
    this.#film = undefined
  }

  get hooks(): TrainerHooks<M> {
    return {
      onStep: (event) => this.#onStep(event),
      onEvaluation: (event) => this.#onEvaluation(event),
      onSave: () => this.save(),
      ...(this.#options.watched && { onSnapshot: (event: SnapshotEvent<M>) => this.#onSnapshot(event) }),
    }
  }

  #remember(entry: LossEntry): void {
    this.#entries.push(entry)
    const { loss, validation } = entry
    if (validation !== undefined) this.#validation = entry
    if (loss === undefined) return
    this.#recent.push(loss)
    if (this.#recent.length > smoothing) this.#recent.shift()
  }

  #tellDamage(file: string, damaged: readonly number[]): void {
    if (damaged.length === 0) return
    const some = damaged.slice(0, 5).map(countText).join(', ')
    this.#options.progress.note(
      `passed over what can't be read in ${join(this.#options.output, file)}: line ${some}${damaged.length > 5 ? ', …' : ''}`,
    )
  }

  /** What may come again and again is said once. */
  #noteOnce(text: string, kind: string = text): void {
    if (this.#noted.has(kind)) return
    this.#noted.add(kind)
    this.#options.progress.note(text)
  }

  #noteEvents(error: unknown): void {
    this.#noteOnce(`TensorBoard's file is not on the disk: ${messageOf(error)}`, 'events')
  }

  #noteFilm(error: unknown): void {
    this.#noteOnce(`snapshots are not on the disk: ${messageOf(error)}`, 'snapshots')
  }

  async #onStep(event: StepEvent): Promise<void> {
    const { step, steps, loss, metrics, rate, gradientNorm, tokensPerSecond, secondsLeft, epoch } = event
    this.#steps = steps
    const entry = { step, loss, ...measured(metrics) }
    this.#remember(entry)
    this.#options.progress.update({
      step,
      steps,
      loss: this.loss!,
      validation: this.validation,
      tokensPerSecond,
      secondsLeft,
    })
    await this.#losses?.add(entry)
    const others = { rate, 'gradient norm': gradientNorm, 'tokens a second': tokensPerSecond, epoch }
    await this.#events?.add(eventOf(step, 'train', { loss, ...metrics, ...others }))
  }

  async #onEvaluation({ step, loss, metrics, bestStep }: EvaluationEvent): Promise<void> {
    const entry = { step, validation: loss, ...measured(metrics) }
    this.#remember(entry)
    await this.#losses?.add(entry)
    await this.#events?.add(eventOf(step, evaluation, { loss, ...metrics }))
    const bits = this.bitsPerByte === undefined ? '' : `, ${this.bitsPerByte.toFixed(3)} bits per byte`
    const others = Object.entries(metrics).map(([name, value]) => `, ${name} ${value.toFixed(4)}`)
    const best = step === bestStep ? ', the best so far' : ''
    this.#options.progress.note(
      `step ${countText(step)}: validation ${loss.toFixed(4)}${bits}${others.join('')}${best}`,
    )
  }

  /** A page that can't be made is no reason to end a training. */
  async #onSnapshot({ step, model }: SnapshotEvent<M>): Promise<void> {
    await this.#notingPage(async (watched) => {
      const result = watched.attend(model)
      await this.#film?.add({ ...frameOf(step, result), text: watched.scene.text })
      await this.#writePage(this.#shown({ step, model }, result, watched, step === this.#steps))
    })
  }

  /** The page of the last step, where it is not written yet. */
  async finishPage({ step, model }: SnapshotEvent<M>): Promise<void> {
    if (this.#isFinal) return
    await this.#notingPage((watched) =>
      this.#writePage(this.#shown({ step, model }, watched.attend(model), watched, true)),
    )
  }

  /** What a page of the finished model shows; undefined where nothing is watched, or none can be made. */
  watched({ step, model }: SnapshotEvent<M>): Watched | undefined {
    const own = this.#watched
    if (own === undefined || this.#report === undefined) return undefined
    return this.#shown({ step, model }, own.attend(model), own, true)
  }

  async #notingPage(work: (watched: WatchedText<M>) => Promise<void>): Promise<void> {
    if (this.#watched === undefined) return
    try {
      await work(this.#watched)
    } catch (error) {
      this.#noteOnce(`no page: ${messageOf(error)}`, 'page')
    }
  }

  #shown(
    { step, model }: SnapshotEvent<M>,
    attend: AttendResult,
    { summary, from }: WatchedText<M>,
    finished: boolean,
  ): Watched {
    return {
      attend,
      step,
      finished,
      model: summary(model),
      from,
      snapshots: this.#film?.film.before(step) ?? [],
      losses: this.#entries,
    }
  }

  async #writePage(shown: Watched): Promise<void> {
    const path = join(this.#options.output, reportFile)
    await writeWatched(path, shown)
    this.#report = path
    this.#isFinal = shown.finished
    if (this.#film !== undefined && this.#film.film.leftOut > 0)
      this.#noteOnce('the page has room for a part of the snapshots: it shows some, evenly over the run')
  }
}

/** What was measured beside a loss, where something was. */
function measured(metrics: Readonly<Record<string, number>>): Pick<LossEntry, 'metrics'> {
  return Object.keys(metrics).length === 0 ? {} : { metrics }
}

/** What an evaluation's tags begin with. */
const evaluation = 'evaluation'

function isEvaluation({ scalars = {} }: TensorBoardEvent): boolean {
  return Object.keys(scalars).some((tag) => tag.startsWith(`${evaluation}/`))
}

function eventOf(step: number, group: string, numbers: Readonly<Record<string, number>>): TensorBoardEvent {
  const scalars = Object.entries(numbers).map(([name, value]) => [`${group}/${name}`, value] as const)
  return { wallTime: Date.now() / 1000, step, scalars: Object.fromEntries(scalars) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
