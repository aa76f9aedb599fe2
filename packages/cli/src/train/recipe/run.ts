import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  loadRecords,
  lockFolder,
  train,
  type DataRecord,
  type DataSource,
  type FolderLock,
  type LoadedModel,
  type ResumeResult,
  type TrainHooks,
  type TrainingResult,
} from 'heed'
import { countText } from '../../format.js'
import { parametersOf } from '../../model.js'
import { clearLeftovers, makeOutput, modelFolder, refuseBegun, refuseFinished } from '../begun.js'
import { Recorder, snapshotsFile } from '../recorder.js'
import type { RunOptions, RunResult } from '../run.js'
import { watchedBy } from '../watched-text.js'
import { Clock } from './clock.js'
import type { RecipeConfig } from './config.js'
import { measureHeads } from './heads.js'
import { Measurements } from './measurements.js'
import { asGroups, asPairs, withNegatives } from './negatives.js'
import { publish } from './publish.js'
import { stateFirst } from './published.js'
import { measureAll, weightBytes, writeResults } from './results.js'
import { startOf } from './start.js'
import type { OpenedRecipe } from './opened.js'
import { ofPictures, withPictures } from './pictures.js'
import { recipeTasks } from './tasks.js'

type Weights = LoadedModel['model']

/** Changes of low rank alone, in the output folder. */
const changesFolder = 'adapter'

/**
 * Trains a model as a recipe says, measures it and writes its package.
 *
 * @throws {ConfigError} where the configuration makes no sense
 * @throws {FormatError} where data or the model can't be read
 * @throws {UsageError} where the output folder holds a run, and this one is not to go on with it or began
 *   otherwise
 * @throws {HeedError} where another training is at work in the output folder, or the disk refuses
 */
export async function runRecipe(config: RecipeConfig, options: RunOptions): Promise<RunResult> {
  makeOutput(config.output)
  const lock = await lockFolder(config.output)
  try {
    await clearLeftovers(config.output)
    if (!options.resume) {
      await refuseBegun(config.output)
      await refuseFinished(config.output)
    }
    return await trained(config, { ...options, lock })
  } finally {
    options.progress.end()
    lock.release()
  }
}

async function trained(
  config: RecipeConfig,
  options: RunOptions & { readonly lock: FolderLock },
): Promise<RunResult> {
  const { progress, lock } = options
  const { training } = config
  const signal = options.listen()
  const stage = (text: string): void => progress.stage(text)
  stage('reading the data')
  const data = await dataOf(config, signal, stage)
  const path = await startOf(config, data.train)
  stage('reading the model')
  const records = [...data.train, ...data.validation]
  const opened = await recipeTasks[config.task]!({ config, path, records, stage, signal })
  const clock = await Clock.of(config.output)
  const recorder = recorderOf(config, opened, options)
  const parameters = parametersOf(opened.model.model)
  let [steps, begun] = [training.steps ?? 0, false]
  const begin = async (found?: ResumeResult): Promise<void> => {
    if (begun) return
    begun = true
    clock.start()
    progress.end()
    const from = found === undefined ? 'from the beginning' : `on from step ${countText(found.step)}`
    progress.note(`${countText(parameters)} parameters, ${countText(data.train.length)} records, ${from}`)
    await recorder.begin(found)
  }
  const { hooks } = recorder
  const own: TrainHooks<Weights> = {
    onEncode: ({ records: count }) => stage(`making tokens of ${countText(count)} records`),
    onResume: begin,
    async onStep(event) {
      await begin()
      steps = event.steps
      await hooks.onStep?.(event)
    },
    async onEvaluation(event) {
      await begin()
      await hooks.onEvaluation?.(event)
    },
    async onSave(event) {
      await begin()
      await hooks.onSave?.(event)
      await clock.save()
    },
    ...(hooks.onSnapshot && {
      async onSnapshot(event) {
        await begin()
        await hooks.onSnapshot?.(event)
      },
    }),
  }
  try {
    const { model, result } = await train({
      model: opened.model,
      objective: opened.objective,
      data: data.train,
      ...(data.validation.length > 0 && {
        evaluation: { data: data.validation, every: training.evaluateEvery },
      }),
      ...trainingOptions(config),
      folder: config.output,
      checkpoint: {
        everySteps: training.checkpointEvery,
        lock,
        config: { task: config.task, adapter: training.adapter ?? null },
        settings: { rate: training.rate, schedule: training.schedule, warmUp: training.warmUp },
      },
      hooks: own,
      snapshotEvery: config.watch?.every ?? Math.max(1, Math.round((training.steps ?? 400) / 40)),
      signal,
    })
    await begin()
    clock.stop()
    await clock.save()
    if (result.reason !== 'stopped') await recorder.finishPage({ step: result.step, model: model.model })
    return await finish(
      { config, opened, recorder, clock, parameters, data },
      { ...options, signal },
      model,
      {
        ...result,
        steps: Math.max(steps, result.step),
      },
    )
  } finally {
    progress.end()
    await recorder.end()
  }
}

/** What `train` is told of the configuration as it is. */
function trainingOptions({ training }: RecipeConfig): {
  readonly rate: number
  readonly clip: number | null
} {
  const { checkpointEvery: _, evaluateEvery: _every, adapter: _adapter, clip, ...others } = training
  const given = Object.entries(others).filter(([, value]) => value !== undefined)
  return { ...(Object.fromEntries(given) as { rate: number }), clip: clip > 0 ? clip : null }
}

interface RecipeData {
  readonly train: readonly DataRecord[]
  readonly validation: readonly DataRecord[]
}

async function dataOf(
  { data, task }: RecipeConfig,
  signal: AbortSignal,
  stage: (text: string) => void,
): Promise<RecipeData> {
  const read = async (sources: readonly DataSource[]): Promise<readonly DataRecord[]> => {
    if (sources.length === 0) return []
    const { negatives, pairs, groups } = data
    const told = (done: number, total: number): void =>
      stage(`looking for negatives of ${countText(done)} of ${countText(total)} records`)
    const loaded = await loadRecords(sources, { operation: 'train' })
    const found = ofPictures.includes(task)
      ? await withPictures(loaded, signal, (done) => stage(`decoding ${countText(done)} pictures`))
      : loaded
    const records = negatives === undefined ? found : await withNegatives(found, negatives, signal, told)
    if (pairs !== undefined) return asPairs(records, pairs)
    return groups ? asGroups(records) : records
  }
  return { train: await read(data.train), validation: await read(data.validation) }
}

function recorderOf(
  config: RecipeConfig,
  { model, encoder, weightsOf = (weights) => weights }: OpenedRecipe,
  { progress, watch: asked, resume }: RunOptions,
): Recorder<Weights> {
  const { output, watch: watched, start, publish: published } = config
  // What was watched so far is watched on.
  const watch = asked || (resume && existsSync(join(output, snapshotsFile)))
  const looked = encoder ?? model
  const canWatch = looked.family !== 'decoder'
  if (watch && (watched === undefined || !canWatch))
    progress.note(
      watched === undefined
        ? 'nothing to watch: give the configuration { "watch": { "text": "…" } }'
        : 'no page: the filters of this model are not watched',
    )
  return new Recorder<Weights>({
    output,
    progress,
    ...(watch &&
      watched !== undefined &&
      canWatch && {
        watched: () => {
          const text = watchedBy(looked, basename(published?.to ?? output), watched)!
          return {
            ...text,
            ...('from' in start && { from: basename(start.from) }),
            attend: (trained) => text.attend(weightsOf(trained)),
            summary: (trained) => text.summary(weightsOf(trained)),
          }
        },
      }),
  })
}

/** What a run had, once it is over. */
interface RecipeRun {
  readonly config: RecipeConfig
  readonly opened: OpenedRecipe
  readonly recorder: Recorder<Weights>
  readonly clock: Clock
  readonly parameters: number
  readonly data: RecipeData
}

async function finish(
  run: RecipeRun,
  options: RunOptions & { readonly signal: AbortSignal },
  model: LoadedModel,
  { reason, step, steps, checkpoint }: TrainingResult & { readonly steps: number },
): Promise<RunResult> {
  const { config, opened, recorder, parameters } = run
  const folder = join(config.output, modelFolder)
  let published: string | undefined
  const isDone = reason !== 'stopped'
  if (isDone) {
    options.progress.stage('writing the model')
    await opened.save(model, folder, config.weights)
    const measurements = await Measurements.in(config.output)
    const measured = await measureAll(config, folder, measurements, options)
    const heads = await measureHeads(config, folder, measurements, options)
    const results = await writeResults(config, {
      folder,
      parameters,
      records: run.data.train.length,
      steps: step,
      seconds: run.clock.seconds,
      measured,
      heads,
      version: options.version,
      last: recorder,
    })
    const watched = recorder.watched({ step, model: model.model })
    const { publish: to } = config
    if (to?.adapter === true) {
      const changes = join(config.output, changesFolder)
      await opened.saveChanges!(model, changes, config.weights)
      const bytes = await weightBytes(changes)
      published = await publish(config, to, changes, { ...results, bytes }, watched)
    } else if (to !== undefined) published = await publish(config, to, folder, results, watched)
    // An adapter that is only tried lies nowhere near the model below it.
    if (published !== undefined && (to!.base === undefined || existsSync(join(published, to!.base)))) {
      options.progress.stage('measuring the package')
      await stateFirst(config, published, options.signal)
    }
  }
  return {
    reason,
    step,
    steps,
    loss: recorder.loss ?? null,
    validation: recorder.validation ?? null,
    metrics: recorder.metrics ?? null,
    bitsPerByte: null,
    parameters,
    checkpoint: checkpoint ?? null,
    model: isDone ? folder : null,
    published: published ?? null,
    report: recorder.report ?? null,
  }
}
