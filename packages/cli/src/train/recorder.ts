import { join } from 'node:path'
import type { AttendResult } from '@heed/studio'
import type {
  Decoder,
  DecoderConfig,
  EvaluationEvent,
  ResumeResult,
  SnapshotEvent,
  StepEvent,
  TrainerHooks,
} from 'heed'
import { attendTo, firstTokens, readText, type ReadText } from '../attend.js'
import { countText } from '../format.js'
import { summaryOf, type RunnableModel } from '../model.js'
import type { TrainConfig } from './config.js'
import { FilmFile } from './film-file.js'
import { filmedTokens, frameOf } from './film.js'
import { History } from './history.js'
import type { Prepared } from './prepare.js'
import type { Progress } from './progress.js'
import { lossFrom, writeWatched, type LossEntry } from './watch.js'

/** Names in the output folder. */
export const lossesFile = 'losses.jsonl'
export const snapshotsFile = 'snapshots.jsonl'
export const reportFile = 'report.html'

/** Losses are shown as the mean of so many steps. */
const smoothing = 10

/** Listens to a run: keeps its losses and snapshots in files, writes the page, tells the progress. */
export class Recorder {
  readonly #config: TrainConfig
  readonly #decoder: DecoderConfig
  readonly #data: Prepared
  readonly #progress: Progress
  readonly #watch: boolean
  readonly #recent: number[] = []
  readonly #entries: LossEntry[] = []
  readonly #noted = new Set<string>()
  #losses: History<LossEntry> | undefined
  #film: FilmFile | undefined
  #validation: number | undefined
  #report: string | undefined
  /** The step that the page is of. */
  #paged: number | undefined

  constructor(
    config: TrainConfig,
    decoder: DecoderConfig,
    data: Prepared,
    { progress, watch }: { readonly progress: Progress; readonly watch: boolean },
  ) {
    this.#config = config
    this.#decoder = decoder
    this.#data = data
    this.#progress = progress
    this.#watch = watch
  }

  /** Mean of the last steps, in nats a token. */
  get loss(): number | undefined {
    const { length } = this.#recent
    return length === 0 ? undefined : this.#recent.reduce((sum, loss) => sum + loss, 0) / length
  }
  /** Of the last evaluation, in nats a token. */
  get validation(): number | undefined {
    return this.#validation
  }
  get bitsPerByte(): number | undefined {
    const { bytesPerToken } = this.#data
    if (this.#validation === undefined || bytesPerToken === undefined) return undefined
    return this.#validation / Math.LN2 / bytesPerToken
  }
  /** The page's path, once it is written. */
  get report(): string | undefined {
    return this.#report
  }

  /** Opens the files, cut back to where the run goes on from; undefined: they begin anew. */
  async begin(found: ResumeResult | undefined): Promise<void> {
    const at = (name: string): string => join(this.#config.output, name)
    const { step = -1, evaluatedStep = -1, snapshotStep = -1 } = found ?? {}
    this.#losses = await History.open<LossEntry>(at(lossesFile), {
      parse: lossFrom,
      // An evaluation that the checkpoint doesn't know of is made again.
      keep: (entry) => entry.step <= (entry.validation === undefined ? step : evaluatedStep),
      each: (entry) => this.#remember(entry),
    })
    this.#tellDamage(lossesFile, this.#losses.damaged)
    if (!this.#watch) return
    try {
      const { text, ids } = this.#watched()
      this.#film = new FilmFile(
        at(snapshotsFile),
        { ...this.#decoder, text, tokens: ids.length },
        snapshotStep,
      )
      this.#tellDamage(snapshotsFile, await this.#film.open())
      const { others } = this.#film.film
      if (others > 0)
        this.#progress.note(
          `${countText(others)} snapshots in ${at(snapshotsFile)} are of another sentence: the page leaves them out`,
        )
    } catch (error) {
      this.#noteFilm(error)
    }
  }

  /**
   * Puts on the disk what belongs to a step before its checkpoint. @throws {HeedError} where losses can't be
   * written
   */
  async save(): Promise<void> {
    await this.#losses?.flush()
    await this.#film?.flush().catch((error: unknown) => this.#noteFilm(error))
  }

  /** Writes what is left, where that can be done, and closes the files. */
  async end(): Promise<void> {
    await this.#losses?.flush().catch((error: unknown) => this.#noteOnce(messageOf(error)))
    await this.#film?.flush().catch((error: unknown) => this.#noteFilm(error))
    for (const file of [this.#losses, this.#film]) await file?.close().catch(() => {})
    this.#losses = undefined
    this.#film = undefined
  }

  get hooks(): TrainerHooks<Decoder> {
    return {
      onStep: (event) => this.#onStep(event),
      onEvaluation: (event) => this.#onEvaluation(event),
      onSave: () => this.save(),
      ...(this.#watch && { onSnapshot: (event: SnapshotEvent<Decoder>) => this.#onSnapshot(event) }),
    }
  }

  #remember(entry: LossEntry): void {
    this.#entries.push(entry)
    const { loss, validation } = entry
    if (validation !== undefined) this.#validation = validation
    if (loss === undefined) return
    this.#recent.push(loss)
    if (this.#recent.length > smoothing) this.#recent.shift()
  }

  #tellDamage(file: string, damaged: readonly number[]): void {
    if (damaged.length === 0) return
    const some = damaged.slice(0, 5).map(countText).join(', ')
    this.#progress.note(
      `passed over what can't be read in ${join(this.#config.output, file)}: line ${some}${damaged.length > 5 ? ', …' : ''}`,
    )
  }

  /** What may come again and again is said once. */
  #noteOnce(text: string, kind: string = text): void {
    if (this.#noted.has(kind)) return
    this.#noted.add(kind)
    this.#progress.note(text)
  }

  #noteFilm(error: unknown): void {
    this.#noteOnce(`snapshots are not on the disk: ${messageOf(error)}`, 'snapshots')
  }

  /** The configuration's sentence, or as much of its beginning as the model and a film have room for. */
  #watched(): ReadText {
    const { context, layers, heads } = this.#decoder
    const room = filmedTokens(layers * heads)
    const whole = readText(this.#data.tokenizer, this.#config.watch.sentence)
    const text = firstTokens(whole, Math.min(context, room))
    if (text !== whole)
      this.#noteOnce(
        `the sentence has ${countText(whole.ids.length)} tokens: the first ${countText(text.ids.length)} are watched, ` +
          (context <= room
            ? "as many as the model's context has"
            : 'as many as fit into a film of all heads'),
      )
    return text
  }

  async #onStep(event: StepEvent): Promise<void> {
    const { step, steps, loss, tokensPerSecond, secondsLeft } = event
    const entry = { step, loss }
    this.#remember(entry)
    this.#progress.update({
      step,
      steps,
      loss: this.loss!,
      validation: this.#validation,
      tokensPerSecond,
      secondsLeft,
    })
    await this.#losses?.add(entry)
  }

  async #onEvaluation({ step, loss, bestStep }: EvaluationEvent): Promise<void> {
    const entry = { step, validation: loss }
    this.#remember(entry)
    await this.#losses?.add(entry)
    const bits = this.bitsPerByte === undefined ? '' : `, ${this.bitsPerByte.toFixed(3)} bits per byte`
    const best = step === bestStep ? ', the best so far' : ''
    this.#progress.note(`step ${countText(step)}: validation ${loss.toFixed(4)}${bits}${best}`)
  }

  /** A page that can't be made is no reason to end a training. */
  async #onSnapshot({ step, model }: SnapshotEvent<Decoder>): Promise<void> {
    await this.#notingPage(async () => {
      const result = this.#attend(model)
      const frame = frameOf(step, result)
      this.#film?.add(frame)
      await this.#writePage(step, model, result)
    })
  }

  /** The page of the last step, where it is not written yet. */
  async finishPage({ step, model }: SnapshotEvent<Decoder>): Promise<void> {
    if (!this.#watch || this.#paged === step) return
    await this.#notingPage(() => this.#writePage(step, model, this.#attend(model)))
  }

  async #notingPage(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#noteOnce(`no page: ${messageOf(error)}`, 'page')
    }
  }

  #attend(model: Decoder): AttendResult {
    return attendTo(this.#languageOf(model), this.#watched())
  }

  async #writePage(step: number, model: Decoder, attend: AttendResult): Promise<void> {
    const path = join(this.#config.output, reportFile)
    await writeWatched(path, {
      attend,
      step,
      finished: step >= this.#config.training.steps,
      model: summaryOf('a decoder', this.#languageOf(model)),
      snapshots: this.#film?.film.before(step) ?? [],
      losses: this.#entries,
    })
    this.#report = path
    this.#paged = step
    if (this.#film !== undefined && this.#film.film.leftOut > 0)
      this.#noteOnce('the page has room for a part of the snapshots: it shows some, evenly over the run')
  }

  #languageOf(model: Decoder): RunnableModel {
    return { model, config: this.#decoder, tokenizer: this.#data.tokenizer }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
