import { join } from 'node:path'
import {
  adamw,
  createDecoder,
  evaluationBatches,
  lockFolder,
  matricesDecay,
  modelFiles,
  randomKey,
  saveModel,
  tokenBatches,
  Trainer,
  type Decoder,
  type DecoderConfig,
  type FolderLock,
  type ResumeResult,
  type TokenBatch,
  type TrainingResult,
} from 'heed'
import { countText } from '../format.js'
import { parametersOf } from '../model.js'
import { clearLeftovers, findBegun, makeOutput, modelFolder, type Begun } from './begun.js'
import { completeModel, type TrainConfig } from './config.js'
import { decoderLoss, scheduleOf } from './decoder-loss.js'
import { prepareData, type Prepared } from './prepare.js'
import type { Progress } from './progress.js'
import { Recorder } from './recorder.js'
import { watchedByDecoder } from './watched-text.js'

export interface RunOptions {
  /** Go on from the newest checkpoint. */
  readonly resume: boolean
  /** Keep the filters on the configuration's sentence, and write the page that shows them. */
  readonly watch: boolean
  readonly progress: Progress
  /**
   * Called once the data are ready: before, there is nothing to save, and an interruption may end the
   * process. The signal aborted, the step at hand is finished and saved.
   */
  readonly listen: () => AbortSignal
  /** Of the command. */
  readonly version: string
}

/** How a run ended. Losses are in nats a token. */
export interface RunResult {
  readonly reason: TrainingResult['reason']
  readonly step: number
  readonly steps: number
  /** Mean of the last steps; null where none was made. */
  readonly loss: number | null
  /** Of the last evaluation. */
  readonly validation: number | null
  /** What the last evaluation measured beside; null where it measured nothing. */
  readonly metrics: Readonly<Record<string, number>> | null
  /** The validation loss of a decoder in bits for each byte of text. */
  readonly bitsPerByte: number | null
  readonly parameters: number
  /** The newest checkpoint, which is a model's folder too. */
  readonly checkpoint: string | null
  /** The finished model's folder. */
  readonly model: string | null
  /** The folder of the package that was written. */
  readonly published: string | null
  /** The page that shows how the filters came about. */
  readonly report: string | null
}

/**
 * Trains a decoder as a configuration says.
 *
 * @throws {ConfigError} where the configuration doesn't fit the tokenizer
 * @throws {FormatError} where the data can't be read
 * @throws {UsageError} where the output folder holds a run, and this one is not to go on with it or began
 *   otherwise
 * @throws {StateError} where another training is at work in the output folder
 * @throws {DivergenceError} where the loss is no longer a number; the last good state is saved
 */
export async function runTraining(config: TrainConfig, options: RunOptions): Promise<RunResult> {
  makeOutput(config.output)
  const lock = await lockFolder(config.output)
  try {
    const begun = await findBegun(config, options.resume)
    await clearLeftovers(config.output)
    return await goOn(config, begun, { ...options, lock })
  } finally {
    options.progress.end()
    lock.release()
  }
}

async function goOn(
  config: TrainConfig,
  begun: Begun | undefined,
  options: RunOptions & { readonly lock: FolderLock },
): Promise<RunResult> {
  const { progress, version } = options
  const note = (text: string): void => progress.note(text)
  for (const { path, reason } of begun?.skipped ?? []) note(`passed over ${path}: expected ${reason}`)
  const data = await prepareData(config, {
    begun,
    version,
    stage: (text) => progress.stage(text),
    note,
  })
  const decoder = completeModel(config.model, data.tokenizer.size, config.file)
  const { output, watch } = config
  const recorder = new Recorder<Decoder>({
    output,
    progress,
    bytesPerToken: data.bytesPerToken,
    watched: options.watch ? () => watchedByDecoder(decoder, data.tokenizer, watch.sentence) : undefined,
  })
  const trainer = trainerOf(config, decoder, data, recorder, options)
  try {
    progress.end()
    const found = begun && (await trainer.resume(begun.takeCheckpoint()))
    note(
      `${countText(parametersOf(trainer.model))} parameters, ${countText(data.train.length)} tokens, ` +
        (found === undefined ? 'from the beginning' : `on from step ${countText(found.step)}`),
    )
    if (found !== undefined) tellChanges(found, note)
    await recorder.begin(found)
    const result = await trainer.run()
    if (result.reason === 'finished') await recorder.finishPage({ step: result.step, model: trainer.model })
    return await finish(config, decoder, data, recorder, trainer.model, result)
  } finally {
    progress.end()
    await recorder.end()
    trainer.dispose()
  }
}

/** What differs from the run so far, and may. */
function tellChanges({ changed }: ResumeResult, note: (text: string) => void): void {
  const settings = changed.flatMap(({ path, before, now }) =>
    path.startsWith('settings.') ? [`${path.slice('settings.'.length)} ${now} (it was ${before})`] : [],
  )
  if (settings.length > 0) note(`with other settings: ${settings.join(', ')}`)
  if (changed.some(({ path }) => path === 'evaluation'))
    note('with another evaluation: the best one so far is forgotten')
}

function trainerOf(
  config: TrainConfig,
  decoder: DecoderConfig,
  data: Prepared,
  recorder: Recorder<Decoder>,
  { lock, listen }: RunOptions & { readonly lock: FolderLock },
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
      config: {
        model: decoder,
        dropout: training.dropout,
        separateDocuments: training.separateDocuments,
        documents: data.documents,
      },
      settings: settingsOf(config),
      files: () => files,
      lock,
    },
    hooks: recorder.hooks,
    snapshotEvery: config.watch.every,
    signal: listen(),
  })
}

/** What a resumed run may have otherwise; `heed train` tells what it has. */
function settingsOf({ training, tokenizer, watch }: TrainConfig): object {
  const settings = freeFields.map((name) => [name, training[name]] as const)
  return {
    ...Object.fromEntries(settings),
    watch,
    // Held to where the data are prepared.
    ...(typeof tokenizer !== 'string' && { vocabulary: tokenizer.train }),
  }
}

const freeFields = [
  'steps',
  'rate',
  'minimumRate',
  'warmUp',
  'schedule',
  'clip',
  'rematerialize',
  'evaluateEvery',
  'evaluationBatches',
  'checkpointEvery',
] as const

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
  recorder: Recorder<Decoder>,
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
    metrics: null,
    bitsPerByte: bitsPerByte ?? null,
    parameters: parametersOf(model),
    checkpoint: checkpoint ?? null,
    model: reason === 'finished' ? folder : null,
    published: null,
    report: report ?? null,
  }
}
