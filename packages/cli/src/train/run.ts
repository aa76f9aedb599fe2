import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  adamw,
  createDecoder,
  evaluationBatches,
  matricesDecay,
  modelFiles,
  randomKey,
  saveModel,
  tokenBatches,
  Trainer,
  type Decoder,
  type DecoderConfig,
  type TokenBatch,
  type TrainingResult,
} from 'heed'
import { countText } from '../format.js'
import { parametersOf } from '../model.js'
import { completeModel, type TrainConfig } from './config.js'
import { decoderLoss, scheduleOf } from './decoder-loss.js'
import { prepareData, type Prepared } from './prepare.js'
import type { Progress } from './progress.js'
import { Recorder } from './recorder.js'

export interface RunOptions {
  /** Go on from the newest checkpoint. */
  readonly resume: boolean
  /** Keep the filters on the configuration's sentence, and write the page that shows them. */
  readonly watch: boolean
  readonly progress: Progress
  /**
   * Called once the data are ready: before, there is nothing to save, and an interruption may end the process. The signal
   * aborted, the step at hand is finished and saved.
   */
  readonly listen: () => AbortSignal
}

/** How a run ended. Losses are in nats a token. */
export interface RunResult {
  readonly reason: 'finished' | 'stopped'
  readonly step: number
  readonly steps: number
  /** Mean of the last steps; null where none was made. */
  readonly loss: number | null
  /** Of the last evaluation. */
  readonly validation: number | null
  /** The same, in bits for each byte of text. */
  readonly bitsPerByte: number | null
  readonly parameters: number
  /** The newest checkpoint, which is a model's folder too. */
  readonly checkpoint: string | null
  /** The finished model's folder. */
  readonly model: string | null
  /** The page that shows how the filters came about. */
  readonly report: string | null
}

/** The finished model's folder in the output folder. */
export const modelFolder = 'model'

/**
 * Trains a decoder as a configuration says.
 *
 * @throws {ConfigError} where the configuration doesn't fit the tokenizer
 * @throws {FormatError} where the data can't be read
 * @throws {UsageError} where the output folder holds another run's checkpoints
 * @throws {DivergenceError} where the loss is no longer a number; the last good state is saved
 */
export async function runTraining(config: TrainConfig, options: RunOptions): Promise<RunResult> {
  const { progress, resume } = options
  await mkdir(config.output, { recursive: true })
  const data = await prepareData(config, resume, (text) => progress.stage(text))
  const decoder = completeModel(config.model, data.tokenizer.size, config.file)
  const recorder = new Recorder(config, decoder, data, options)
  const trainer = trainerOf(config, decoder, data, recorder, options.listen())
  try {
    progress.end()
    const found = resume ? await trainer.resume() : undefined
    for (const { path, reason } of found?.skipped ?? [])
      progress.note(`passed over ${path}: expected ${reason}`)
    const parameters = parametersOf(trainer.model)
    progress.note(
      `${countText(parameters)} parameters, ${countText(data.train.length)} tokens, ` +
        (found === undefined ? 'from the beginning' : `on from step ${countText(found.step)}`),
    )
    await recorder.begin(found?.step ?? -1)
    const result = await trainer.run()
    await recorder.flush()
    return await finish(config, decoder, data, recorder, trainer.model, result)
  } finally {
    progress.end()
    await recorder.flush()
    trainer.dispose()
  }
}

function trainerOf(
  config: TrainConfig,
  decoder: DecoderConfig,
  data: Prepared,
  recorder: Recorder,
  signal: AbortSignal,
): Trainer<Decoder, TokenBatch> {
  const { training } = config
  const { batch, context, seed, steps, accumulation, decay, betas, epsilon, clip } = training
  const windows = {
    batch,
    context,
    ...(training.separateDocuments && data.separator !== undefined && { separator: data.separator }),
  }
  const files = modelFilesBut(decoder, data)
  return new Trainer<Decoder, TokenBatch>({
    model: createDecoder(decoder, randomKey(seed, 'model')),
    loss: decoderLoss(decoder, training),
    optimizer: adamw({ decay, betas, epsilon, decayed: matricesDecay }),
    schedule: scheduleOf(training),
    data: tokenBatches(data.train, { ...windows, seed }),
    steps,
    seed,
    accumulation,
    ...(clip > 0 && { clip }),
    ...(data.validation !== undefined && {
      evaluation: {
        data: evaluationBatches(data.validation, { ...windows, batches: training.evaluationBatches }),
        every: training.evaluateEvery,
      },
    }),
    checkpoint: {
      folder: config.output,
      everySteps: training.checkpointEvery,
      config: decoder,
      files: () => files,
    },
    hooks: recorder.hooks,
    snapshotEvery: config.watch.every,
    signal,
  })
}

/** The files that make a checkpoint a model's folder. */
function modelFilesBut(config: DecoderConfig, { tokenizer }: Prepared): Readonly<Record<string, Uint8Array>> {
  const files = modelFiles({ config, tokenizer, model: {} as Decoder })
  return { 'config.json': files['config.json'], 'tokenizer.json': files['tokenizer.json'] }
}

/** Writes the finished model. */
async function finish(
  config: TrainConfig,
  decoder: DecoderConfig,
  data: Prepared,
  recorder: Recorder,
  model: Decoder,
  { reason, step, checkpoint }: TrainingResult,
): Promise<RunResult> {
  const folder = join(config.output, modelFolder)
  if (reason === 'finished')
    await saveModel(folder, { config: decoder, tokenizer: data.tokenizer, model }, config.weights)
  const { loss, validation, bitsPerByte, report } = recorder
  return {
    reason,
    step,
    steps: config.training.steps,
    loss: loss ?? null,
    validation: validation ?? null,
    bitsPerByte: bitsPerByte ?? null,
    parameters: parametersOf(model),
    checkpoint: checkpoint ?? null,
    model: reason === 'finished' ? folder : null,
    report: report ?? null,
  }
}
