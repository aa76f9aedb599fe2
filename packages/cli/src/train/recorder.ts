import { join } from 'node:path'
import type { Snapshot } from '@heed/studio'
import type { Decoder, DecoderConfig, SnapshotEvent, StepEvent, EvaluationEvent, TrainerHooks } from 'heed'
import { attend } from '../attend.js'
import { countText } from '../format.js'
import { summaryOf } from '../model.js'
import type { TrainConfig } from './config.js'
import { History } from './history.js'
import type { Prepared } from './prepare.js'
import type { Progress } from './progress.js'
import { snapshotOf, writeWatched, type LossEntry } from './watch.js'

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
  #losses: History<LossEntry> | undefined
  #snapshots: History<Snapshot> | undefined
  #validation: number | undefined
  #report: string | undefined

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

  /** Opens the files, cut back to the step that the run goes on from; −1: they begin anew. */
  async begin(step: number): Promise<void> {
    const at = (name: string): string => join(this.#config.output, name)
    this.#losses = await History.open<LossEntry>(at(lossesFile), step)
    if (this.#watch) this.#snapshots = await History.open<Snapshot>(at(snapshotsFile), step)
    for (const { loss, validation } of this.#losses.entries) {
      if (loss !== undefined) this.#remember(loss)
      if (validation !== undefined) this.#validation = validation
    }
  }

  async flush(): Promise<void> {
    await this.#losses?.flush()
    await this.#snapshots?.flush()
  }

  get hooks(): TrainerHooks<Decoder> {
    return {
      onStep: (event) => this.#onStep(event),
      onEvaluation: (event) => this.#onEvaluation(event),
      onCheckpoint: () => this.flush(),
      ...(this.#watch && { onSnapshot: (event: SnapshotEvent<Decoder>) => this.#onSnapshot(event) }),
    }
  }

  #remember(loss: number): void {
    this.#recent.push(loss)
    if (this.#recent.length > smoothing) this.#recent.shift()
  }

  async #onStep(event: StepEvent): Promise<void> {
    const { step, steps, loss, tokensPerSecond, secondsLeft } = event
    this.#remember(loss)
    this.#progress.update({
      step,
      steps,
      loss: this.loss!,
      validation: this.#validation,
      tokensPerSecond,
      secondsLeft,
    })
    await this.#losses?.add({ step, loss })
  }

  async #onEvaluation({ step, loss, bestStep }: EvaluationEvent): Promise<void> {
    this.#validation = loss
    await this.#losses?.add({ step, validation: loss })
    const bits = this.bitsPerByte === undefined ? '' : `, ${this.bitsPerByte.toFixed(3)} bits per byte`
    const best = step === bestStep ? ', the best so far' : ''
    this.#progress.note(`step ${countText(step)}: validation ${loss.toFixed(4)}${bits}${best}`)
  }

  async #onSnapshot({ step, model }: SnapshotEvent<Decoder>): Promise<void> {
    const { output, watch, training } = this.#config
    const language = { model, config: this.#decoder, tokenizer: this.#data.tokenizer }
    const result = attend(language, watch.sentence)
    // A resumed run takes no snapshot of the step that it begins with twice.
    const earlier = this.#snapshots!.entries.filter((snapshot) => snapshot.step < step)
    await this.#snapshots!.add(snapshotOf(step, result))
    const path = join(output, reportFile)
    await writeWatched(path, {
      attend: result,
      step,
      finished: step >= training.steps,
      model: summaryOf('a decoder', language),
      snapshots: earlier,
      losses: this.#losses!.entries,
    })
    this.#report = path
  }
}
