import {
  checkWhole,
  disposedByUsing,
  foldIn,
  leavesOf,
  randomKey,
  type RandomKey,
  UsageError,
} from '../base/index.js'
import { currentDevice, dispose, isTensor, keep, scope, type Tensor, withDevice } from '../tensor/index.js'
import type { Device } from '../device/index.js'
import { accumulateGradients } from './accumulate.js'
import {
  type Checkpoint,
  checkpointSteps,
  readCheckpoint,
  restoreCheckpoint,
  saveCheckpoint,
  tidyCheckpoints,
  type TrainingState,
} from './checkpoint.js'
import { clipFactor, globalNorm } from './clip.js'
import { Means, measure } from './metrics.js'
import type { OptimizerState } from './optimizer.js'
import type { EvaluationEvent, ResumeResult, StepEvent, TrainerOptions, TrainingResult } from './options.js'
import { DivergenceError } from './training-error.js'

/**
 * A training run: weights, optimizer state and the place in the data, with what drives them. It prints nothing; `hooks` are told.
 *
 * Everything random comes from the seed, the step and the position, so a run that was stopped, or killed, and resumed from a checkpoint
 * goes on to the same bits as one that was not.
 */
export class Trainer<M, B> {
  /** `using trainer = …` frees it at the end of the block. */
  declare readonly [Symbol.dispose]: () => void
  readonly options: TrainerOptions<M, B>
  readonly #device: Device
  readonly #key: RandomKey
  readonly #accumulation: number
  readonly #seed: number
  #model: M
  #state: OptimizerState<M>
  #step = 0
  #position = 0
  #loss = NaN
  #bestLoss: number | undefined
  #bestStep: number | undefined
  #saved: { readonly step: number; readonly path: string; readonly at: number } | undefined
  #secondsPerStep = 0
  #timedSteps = 0
  #resumed = false
  #running = false
  #disposed = false

  /** @throws UsageError for options that make no sense */
  constructor(options: TrainerOptions<M, B>) {
    const { model, optimizer, steps, accumulation = 1, seed = 0, clip, evaluation, checkpoint } = options
    checkWhole('Trainer', 'steps', steps, 1)
    checkWhole('Trainer', 'accumulation', accumulation, 1)
    if (evaluation !== undefined) checkWhole('Trainer', 'evaluation.every', evaluation.every, 1)
    if (options.snapshotEvery !== undefined) checkWhole('Trainer', 'snapshotEvery', options.snapshotEvery, 1)
    if (checkpoint?.everySteps !== undefined)
      checkWhole('Trainer', 'checkpoint.everySteps', checkpoint.everySteps, 1)
    if (clip !== undefined && !(clip > 0)) throw wrongOption('clip to be above 0', String(clip))
    if (checkpoint?.everySeconds !== undefined && !(checkpoint.everySeconds > 0))
      throw wrongOption('checkpoint.everySeconds to be above 0', String(checkpoint.everySeconds))
    const weights = [...leavesOf<Tensor>(model, isTensor).values()].filter(({ dtype }) => dtype === 'f32')
    if (weights.length === 0) throw wrongOption('a model with f32 tensors', 'none')
    this.options = options
    this.#device = weights[0]?.device ?? currentDevice()
    this.#accumulation = accumulation
    this.#seed = seed
    this.#key = randomKey(seed, 'training')
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
    return this.#bestLoss
  }

  /**
   * Goes on from the newest whole checkpoint of the options' folder; undefined, and nothing changed, where there is none.
   *
   * @throws UsageError where the checkpoint was made with another seed, optimizer, accumulation or data: it could not go on as it began
   * @throws FormatError where it is of another model, or all checkpoints are damaged
   */
  async resume(): Promise<ResumeResult | undefined> {
    const plan = this.#checkpointPlan('resume')
    const layer = plan.fileLayer === undefined ? {} : { files: plan.fileLayer }
    const checkpoint = await readCheckpoint(plan.folder, layer)
    this.#resumed = true
    if (checkpoint === undefined) return undefined
    this.#checkSame(checkpoint)
    const { state, path, skipped } = checkpoint
    await tidyCheckpoints(plan.folder, state.step, { keep: plan.keep ?? 2, ...layer })
    const restored = restoreCheckpoint(checkpoint, this.#model, this.#state)
    dispose([this.#model, this.#state])
    this.#model = keep(restored.model)
    this.#state = keep(restored.optimizer)
    this.#step = state.step
    this.#position = state.position
    this.#bestLoss = state.bestLoss ?? undefined
    this.#bestStep = state.bestStep ?? undefined
    this.#saved = { step: state.step, path, at: now() }
    return { step: state.step, path, skipped }
  }

  /**
   * Trains until the last step, or until `signal` is aborted. Evaluates, takes snapshots and writes checkpoints on the way, and lets other
   * work of the program run between steps.
   *
   * @throws DivergenceError where loss or gradient are no longer finite; the last good state is in `model`, and in a checkpoint where there is a folder
   * @throws UsageError where the checkpoint folder holds another run's checkpoints: resume, or take another folder
   * @throws HeedError where a checkpoint can't be written
   */
  async run(): Promise<TrainingResult> {
    const { steps, hooks, signal, evaluation, snapshotEvery, checkpoint: plan } = this.options
    this.#begin()
    try {
      await this.#refuseForeign()
      let savedAt = now()
      if (this.#step === 0) {
        if (hooks?.onSnapshot) await hooks.onSnapshot({ step: 0, model: this.#model })
        if (evaluation?.atStart === true) await this.#evaluateNow()
      }
      let stopped = signal?.aborted === true
      while (this.#step < steps && !stopped) {
        await this.#guardedStep()
        await pause()
        const last = this.#step >= steps
        if (evaluation !== undefined && (last || this.#step % evaluation.every === 0))
          await this.#evaluateNow()
        if (hooks?.onSnapshot && (last || (snapshotEvery !== undefined && this.#step % snapshotEvery === 0)))
          await hooks.onSnapshot({ step: this.#step, model: this.#model })
        stopped = signal?.aborted === true
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
      return {
        reason: this.#step >= steps ? 'finished' : 'stopped',
        step: this.#step,
        loss: this.#loss,
        bestLoss: this.#bestLoss,
        bestStep: this.#bestStep,
        checkpoint: this.#saved?.path,
      }
    } finally {
      this.#running = false
    }
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
        const { gradient, scale, means } = accumulateGradients(this.options.loss, this.#model, {
          data,
          first: this.#position,
          count: this.#accumulation,
          contextOf: (i) => ({ key: foldIn(stepKey, i), training: true }),
        })
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
   * The mean loss over what counts in the evaluation's data. (The event of an evaluation has the metrics, too.)
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
    const plan = this.#checkpointPlan('save')
    const started = now()
    const path = await this.#write(plan.folder, plan.keep ?? 2)
    this.#saved = { step: this.#step, path, at: now() }
    await this.options.hooks?.onCheckpoint?.({ step: this.#step, path, seconds: (now() - started) / 1000 })
    return path
  }

  /** Frees the model and the optimizer's state; the trainer is of no use afterwards. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
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
    const { loss, metrics } = evaluated(means)
    const better = Number.isFinite(loss) && (this.#bestLoss === undefined || loss < this.#bestLoss)
    if (better) {
      this.#bestLoss = loss
      this.#bestStep = this.#step
    }
    const event: EvaluationEvent<M> = {
      step: this.#step,
      loss,
      metrics,
      model: this.#model,
      bestLoss: this.#bestLoss ?? loss,
      bestStep: this.#bestStep ?? this.#step,
      seconds: (now() - started) / 1000,
    }
    await this.options.hooks?.onEvaluation?.(event)
    const plan = this.options.checkpoint
    if (better && plan?.best === true) await this.#write(`${plan.folder}/best`, 1)
  }

  async #write(folder: string, kept: number): Promise<string> {
    const plan = this.#checkpointPlan('save')
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
    const { optimizer, data } = this.options
    const state: TrainingState = {
      step: this.#step,
      position: this.#position,
      seed: this.#seed,
      accumulation: this.#accumulation,
      optimizer: { name: optimizer.name, options: optimizer.options },
      data: data.fingerprint,
      bestLoss: this.#bestLoss ?? null,
      bestStep: this.#bestStep ?? null,
      config: plan.config ?? null,
    }
    const files = plan.files?.(this.#model)
    return saveCheckpoint(
      folder,
      { model: this.#model, optimizer: this.#state, state, ...(files && { files }) },
      { keep: kept, ...(plan.fileLayer && { files: plan.fileLayer }) },
    )
  }

  #weightNorm(): number {
    return withDevice(this.#device, () => globalNorm(this.#model))
  }

  #checkSame({ path, state }: Checkpoint): void {
    const { optimizer, data } = this.options
    const pairs: readonly (readonly [string, unknown, unknown])[] = [
      ['seed', this.#seed, state.seed],
      ['accumulation', this.#accumulation, state.accumulation],
      ['optimizer', optimizer.name, state.optimizer.name],
      ['optimizer options', JSON.stringify(optimizer.options), JSON.stringify(state.optimizer.options)],
      ['data', data.fingerprint, state.data],
    ]
    for (const [what, own, theirs] of pairs) {
      if (own !== theirs)
        throw new UsageError({
          operation: 'resume',
          expected: `the ${what} of '${path}' (${String(theirs)})`,
          found: String(own),
          hint: 'go on with what the run began with, or begin anew in another folder',
        })
    }
  }

  /** A run that begins anew may not write over another's checkpoints. */
  async #refuseForeign(): Promise<void> {
    const plan = this.options.checkpoint
    if (plan === undefined || this.#resumed || this.#saved !== undefined) return
    const [newest] = await checkpointSteps(plan.folder, plan.fileLayer)
    if (newest !== undefined)
      throw new UsageError({
        operation: 'run',
        expected: `no checkpoints in '${plan.folder}'`,
        found: `one of step ${newest}`,
        hint: 'call resume() first to go on from it, or take another folder',
      })
  }

  #checkpointPlan(operation: string): NonNullable<TrainerOptions<M, B>['checkpoint']> {
    const { checkpoint } = this.options
    if (checkpoint === undefined)
      throw new UsageError({
        operation,
        expected: 'options.checkpoint',
        found: 'none',
        hint: 'give the folder for checkpoints',
      })
    return checkpoint
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

/** Lets signals, timers and input be handled. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}

function wrongOption(expected: string, found: string): UsageError {
  return new UsageError({ operation: 'Trainer', expected, found, hint: 'correct that option' })
}
