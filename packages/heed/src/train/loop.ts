import {
  disposedByUsing,
  foldIn,
  leavesOf,
  pause,
  randomKey,
  type RandomKey,
  UsageError,
} from '../base/index.js'
import {
  currentDevice,
  dispose,
  isTensor,
  keep,
  scope,
  type Tensor,
  withDevice,
  withPrecision,
} from '../tensor/index.js'
import type { Device } from '../device/index.js'
import { accumulateGradients } from './accumulate.js'
import { BestEvaluation } from './best-evaluation.js'
import { type Checkpoint, restoreCheckpoint } from './checkpoint.js'
import { checkOptions, wrongOption } from './check-options.js'
import { clipFactor, globalNorm } from './clip.js'
import { Means, measure } from './metrics.js'
import type { OptimizerState } from './optimizer.js'
import type { EvaluationEvent, ResumeResult, StepEvent, TrainerOptions, TrainingResult } from './options.js'
import { RunFolder } from './run-folder.js'
import { checkSameRun, type RunIdentity } from './same-run.js'
import { DivergenceError } from './training-error.js'

/**
 * A training run: weights, optimizer state and the place in the data, with what drives them. It prints
 * nothing; `hooks` are told.
 *
 * Everything random comes from the seed, the step and the position, so a run that was stopped, or killed, and
 * resumed from a checkpoint goes on to the same bits as one that was not.
 */
export class Trainer<M, B> {
  /** `using trainer = …` frees it at the end of the block. */
  declare readonly [Symbol.dispose]: () => void
  readonly options: TrainerOptions<M, B>
  readonly #device: Device
  readonly #key: RandomKey
  readonly #accumulation: number
  readonly #seed: number
  readonly #folder: RunFolder<M> | undefined
  #model: M
  #state: OptimizerState<M>
  #step = 0
  #position = 0
  #loss = NaN
  readonly #best: BestEvaluation
  #evaluatedStep: number | undefined
  #snapshotStep: number | undefined
  #saved: { readonly step: number; readonly path: string; readonly at: number } | undefined
  #secondsPerStep = 0
  #timedSteps = 0
  #resumed = false
  #running = false
  #disposed = false

  /** @throws UsageError for options that make no sense */
  constructor(options: TrainerOptions<M, B>) {
    checkOptions(options)
    const { model, optimizer, accumulation = 1, seed = 0, checkpoint } = options
    const weights = [...leavesOf<Tensor>(model, isTensor).values()].filter(({ dtype }) => dtype === 'f32')
    if (weights.length === 0) throw wrongOption('a model with f32 tensors', 'none')
    this.options = options
    this.#device = weights[0]?.device ?? currentDevice()
    this.#accumulation = accumulation
    this.#seed = seed
    this.#key = randomKey(seed, 'training')
    this.#folder = checkpoint && new RunFolder(checkpoint)
    this.#best = new BestEvaluation(options.evaluation)
    this.#model = keep(model)
    this.#state = keep(optimizer.init(model))
  }

  /** The weights now. The next step frees them. */
  get model(): M {
    return this.#model
  }
  get optimizerState(): OptimizerState<M> {
    return this.#state
  }
  /** Updates made. */
  get step(): number {
    return this.#step
  }
  get bestLoss(): number | undefined {
    return this.#best.loss
  }

  /**
   * Goes on from the newest whole checkpoint of the options' folder; undefined, and nothing changed, where
   * there is none.
   *
   * @param found that checkpoint, where the caller has read it already
   * @throws UsageError where the checkpoint was made with another seed, optimizer, accumulation, data or
   *   configuration: it could not go on as it began. Nothing has changed then
   * @throws FormatError where it is of another model, or all checkpoints are damaged
   * @throws StateError where another training is at work in the folder
   */
  async resume(found?: Checkpoint): Promise<ResumeResult | undefined> {
    const folder = this.#folderFor('resume')
    await folder.take()
    try {
      const checkpoint = found ?? (await folder.read())
      const result = checkpoint && (await this.#goOnFrom(checkpoint, folder))
      this.#resumed = true
      return result
    } catch (error) {
      folder.leave()
      throw error
    }
  }

  async #goOnFrom(checkpoint: Checkpoint, folder: RunFolder<M>): Promise<ResumeResult> {
    const { state, path, skipped } = checkpoint
    const changed = checkSameRun(checkpoint, this.#identity(state.step))
    const restored = restoreCheckpoint(checkpoint, this.#model, this.#state)
    await folder.tidy(state.step).catch((error: unknown) => {
      dispose([restored.model, restored.optimizer])
      throw error
    })
    dispose([this.#model, this.#state])
    this.#model = keep(restored.model)
    this.#state = keep(restored.optimizer)
    this.#step = state.step
    this.#position = state.position
    this.#evaluatedStep = state.evaluatedStep ?? undefined
    this.#snapshotStep = state.snapshotStep ?? undefined
    this.#saved = { step: state.step, path, at: now() }
    // Losses of other data don't compare.
    if (!changed.some(({ path: what }) => what === 'evaluation')) this.#best.restore(state)
    const made = { evaluatedStep: this.#evaluatedStep, snapshotStep: this.#snapshotStep }
    return { step: state.step, path, skipped, changed, ...made }
  }

  /**
   * Trains until the last step, or until `signal` is aborted. Evaluates, takes snapshots and writes
   * checkpoints on the way, and lets other work of the program run between steps.
   *
   * @throws DivergenceError where loss or gradient are no longer finite; the last good state is in `model`,
   * and in a checkpoint where there is a folder
   * @throws UsageError where the checkpoint folder holds another run's checkpoints: resume, or take another
   * folder
   * @throws StateError where another training is at work in the folder
   * @throws HeedError where a checkpoint can't be written
   */
  async run(): Promise<TrainingResult> {
    const { steps, signal, checkpoint: plan } = this.options
    this.#begin()
    try {
      await this.#folder?.take()
      if (!this.#resumed && this.#saved === undefined) await this.#folder?.refuseForeign()
      let savedAt = now()
      await this.#observe()
      const isDone = (): boolean => signal?.aborted === true || this.#best.isLost
      let stopped = isDone()
      while (this.#step < steps && !stopped) {
        await this.#guardedStep()
        await pause()
        const last = this.#step >= steps
        await this.#observe()
        stopped = isDone()
        if (plan === undefined) continue
        const due =
          (plan.everySteps !== undefined && this.#step % plan.everySteps === 0) ||
          (plan.everySeconds !== undefined && (now() - savedAt) / 1000 >= plan.everySeconds)
        if (due || last || stopped) {
          await this.save()
          savedAt = now()
        }
      }
      if (plan !== undefined && this.#saved?.step !== this.#step) await this.save()
      const isFinished = this.#step >= steps && !this.#evaluationIsDue()
      return {
        reason: isFinished ? 'finished' : this.#best.isLost ? 'patience' : 'stopped',
        step: this.#step,
        loss: this.#loss,
        best: this.#best.value,
        bestLoss: this.#best.loss,
        bestStep: this.#best.step,
        checkpoint: this.#saved?.path,
      }
    } finally {
      this.#running = false
      this.#folder?.leave()
    }
  }

  /** What is due after a step, once. A resumed run makes up for what a stop left out. */
  async #observe(): Promise<void> {
    const { hooks, snapshotEvery } = this.options
    if (this.#evaluationIsDue()) await this.#evaluateNow()
    if (!hooks?.onSnapshot || this.#snapshotStep === this.#step || !this.#isDue(snapshotEvery, true)) return
    await hooks.onSnapshot({ step: this.#step, model: this.#model })
    this.#snapshotStep = this.#step
  }

  #evaluationIsDue(): boolean {
    const { evaluation } = this.options
    if (evaluation === undefined || this.#evaluatedStep === this.#step) return false
    return this.#isDue(evaluation.every, evaluation.atStart === true)
  }

  #isDue(every: number | undefined, atStart: boolean): boolean {
    if (this.#step === 0) return atStart
    return this.#step >= this.options.steps || (every !== undefined && this.#step % every === 0)
  }

  /**
   * One update, without hooks, evaluation or checkpoint.
   *
   * @throws DivergenceError where loss or gradient are not finite; nothing has changed then
   */
  takeStep(): StepEvent {
    this.#refuseDisposed('takeStep')
    const { optimizer, schedule, clip, data, steps } = this.options
    const started = now()
    const rate = schedule(this.#step)
    const { loss, metrics, norm } = withDevice(this.#device, () =>
      scope(() => {
        const stepKey = foldIn(this.#key, this.#step)
        const { gradient, scale, means } = withPrecision(this.options.precision ?? 'f32', () =>
          accumulateGradients(this.options.loss, this.#model, {
            data,
            first: this.#position,
            count: this.#accumulation,
            contextOf: (i) => ({ key: foldIn(stepKey, i), training: true }),
          }),
        )
        const mean = means.loss
        const length = globalNorm(gradient) * scale
        if (!Number.isFinite(mean) || !Number.isFinite(length)) throw this.#divergence(mean, length)
        const factor = clip === undefined ? 1 : clipFactor(length, clip)
        const updated = optimizer.update(this.#model, gradient, this.#state, {
          rate,
          gradientScale: factor * scale,
          free: true,
        })
        this.#model = keep(updated.model)
        this.#state = keep(updated.state)
        return { loss: mean, metrics: means.metrics, norm: length }
      }),
    )
    this.#step++
    this.#position += this.#accumulation
    this.#loss = loss
    const seconds = (now() - started) / 1000
    this.#time(seconds)
    return {
      step: this.#step,
      steps,
      loss,
      metrics,
      rate,
      gradientNorm: norm,
      tokensPerSecond: (data.tokensPerBatch * this.#accumulation) / Math.max(1e-9, this.#secondsPerStep),
      secondsPerStep: this.#secondsPerStep,
      secondsLeft: this.#secondsPerStep * (steps - this.#step),
      epoch: this.#position / data.batchesPerEpoch,
    }
  }

  /**
   * The mean loss over what counts in the evaluation's data. (The event of an evaluation has the metrics,
   * too.)
   *
   * @throws UsageError without an evaluation in the options, or where nothing counts in its data
   */
  evaluate(): number {
    this.#refuseDisposed('evaluate')
    const means = new Means()
    for (const add of this.#evaluationBatches()) add(means)
    return evaluated(means).loss
  }

  /**
   * Writes a checkpoint now.
   *
   * @returns its path
   * @throws DivergenceError where the weights are not finite: the good ones on the disk are kept
   */
  async save(): Promise<string> {
    this.#refuseDisposed('save')
    const folder = this.#folderFor('save')
    const started = now()
    await folder.take()
    try {
      const path = await this.#write(folder)
      this.#saved = { step: this.#step, path, at: now() }
      await this.options.hooks?.onCheckpoint?.({ step: this.#step, path, seconds: (now() - started) / 1000 })
      return path
    } finally {
      if (!this.#running) folder.leave()
    }
  }

  /** Frees the model and the optimizer's state; the trainer is of no use afterwards. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#folder?.leave()
    dispose([this.#model, this.#state])
  }

  async #guardedStep(): Promise<void> {
    let event: StepEvent
    try {
      event = this.takeStep()
    } catch (error) {
      if (!(error instanceof DivergenceError) || this.options.checkpoint === undefined) throw error
      throw await this.#keepLastGood(error)
    }
    await this.options.hooks?.onStep?.(event)
  }

  /** The same error, once the state before the step is on the disk. */
  async #keepLastGood(error: DivergenceError): Promise<DivergenceError> {
    const { step, loss, gradientNorm, operation, expected, found } = error
    let checkpoint = this.#saved?.path
    if (Number.isFinite(this.#weightNorm())) {
      if (this.#saved?.step !== this.#step) checkpoint = await this.save()
    }
    if (checkpoint === undefined) return error
    const hint = `resume from '${checkpoint}' with a lower rate or a stronger clip, or look at batch ${this.#position} of the data`
    return new DivergenceError({ operation, expected, found, hint, step, loss, gradientNorm, checkpoint })
  }

  #divergence(loss: number, gradientNorm: number): DivergenceError {
    return new DivergenceError({
      operation: 'train',
      expected: `a finite loss and gradient at step ${this.#step}`,
      found: `loss ${loss}, gradient norm ${gradientNorm}`,
      hint: `lower the rate, clip the gradient or warm up longer, or look at batch ${this.#position} of the data`,
      step: this.#step,
      loss,
      gradientNorm,
    })
  }

  /** The batches of an evaluation, each as something that adds its part to the means. */
  *#evaluationBatches(): Generator<(means: Means) => void> {
    const { evaluation, loss } = this.options
    if (evaluation === undefined) throw wrongOption('options.evaluation', 'none')
    const { data, loss: lossOf = loss } = evaluation
    const key = randomKey(this.#seed, 'evaluation')
    for (let index = 0; index < data.batchesPerEpoch; index++) {
      yield (means) =>
        withDevice(this.#device, () =>
          scope(() => {
            const batch = data.batch(index)
            if (data.weight?.(batch) === 0) return
            const context = { key: foldIn(key, index), training: false }
            const measured = measure(lossOf(this.#model, batch, context), data, batch, index)
            means.add(measured, measured.loss.item())
          }),
        )
    }
  }

  /** An evaluation with its events; given up where training is stopped meanwhile. */
  async #evaluateNow(): Promise<void> {
    const started = now()
    const means = new Means()
    for (const add of this.#evaluationBatches()) {
      add(means)
      await pause()
      if (this.options.signal?.aborted === true) return
    }
    const { loss, metrics: own } = evaluated(means)
    const further = await this.options.evaluation?.measure?.(this.#model)
    const metrics = { ...own, ...further }
    const isBest = this.#best.isBest(this.#step, loss, metrics)
    const event: EvaluationEvent<M> = {
      step: this.#step,
      loss,
      metrics,
      model: this.#model,
      isBest,
      best: this.#best.value ?? this.#best.valueOf(loss, metrics),
      bestLoss: this.#best.loss ?? loss,
      bestStep: this.#best.step ?? this.#step,
      seconds: (now() - started) / 1000,
    }
    await this.options.hooks?.onEvaluation?.(event)
    this.#evaluatedStep = this.#step
    if (isBest && this.#folder?.plan.best === true) await this.#write(this.#folder, true)
  }

  async #write(folder: RunFolder<M>, best = false): Promise<string> {
    const norm = this.#weightNorm()
    if (!Number.isFinite(norm)) {
      throw new DivergenceError({
        operation: 'save',
        expected: `finite weights after step ${this.#step}`,
        found: `weights of norm ${norm}`,
        hint: 'resume from the last checkpoint with a lower rate',
        step: this.#step,
        loss: this.#loss,
        gradientNorm: NaN,
        checkpoint: this.#saved?.path,
      })
    }
    await folder.check()
    await this.options.hooks?.onSave?.({ step: this.#step })
    const state = {
      ...this.#identity(this.#step),
      step: this.#step,
      position: this.#position,
      ...this.#best.state,
      evaluatedStep: this.#evaluatedStep ?? null,
      snapshotStep: this.#snapshotStep ?? null,
    }
    const files = folder.plan.files?.(this.#model)
    return folder.write({ model: this.#model, optimizer: this.#state, state, ...(files && { files }) }, best)
  }

  #identity(step: number): RunIdentity {
    const { optimizer, data, evaluation, checkpoint, schedule } = this.options
    return {
      seed: this.#seed,
      accumulation: this.#accumulation,
      precision: this.options.precision ?? 'f32',
      optimizer: { name: optimizer.name, options: optimizer.options },
      data: data.fingerprint,
      evaluation: evaluation === undefined ? null : evaluation.data.fingerprint + this.#best.description,
      rate: schedule(step),
      config: checkpoint?.config ?? null,
      settings: checkpoint?.settings ?? null,
    }
  }

  #weightNorm(): number {
    return withDevice(this.#device, () => globalNorm(this.#model))
  }

  #folderFor(operation: string): RunFolder<M> {
    if (this.#folder === undefined)
      throw new UsageError({
        operation,
        expected: 'options.checkpoint',
        found: 'none',
        hint: 'give the folder for checkpoints',
      })
    return this.#folder
  }

  #begin(): void {
    this.#refuseDisposed('run')
    if (this.#running)
      throw new UsageError({
        operation: 'run',
        expected: 'one run at a time',
        found: 'one at work',
        hint: 'await it first',
      })
    this.#running = true
  }

  #refuseDisposed(operation: string): void {
    if (this.#disposed)
      throw new UsageError({
        operation,
        expected: 'a trainer in use',
        found: 'a disposed one',
        hint: 'make another',
      })
  }

  /** A mean that forgets: of all steps at first, of the last 20 or so later. */
  #time(seconds: number): void {
    this.#timedSteps++
    // The first step compiles kernels.
    if (this.#timedSteps === 2) this.#secondsPerStep = seconds
    else this.#secondsPerStep += (seconds - this.#secondsPerStep) / Math.min(20, this.#timedSteps)
  }
}

disposedByUsing(Trainer)

/** @throws UsageError where nothing counted: there is no mean then */
function evaluated(means: Means): Means {
  if (means.weight > 0) return means
  throw new UsageError({
    operation: 'evaluate',
    expected: 'at least one batch that counts',
    found: 'batches of weight 0',
    hint: 'look at the targets of the evaluation: all of them are ignored',
  })
}

function now(): number {
  return performance.now()
}
