import { checkFunction, checkNames, checkWhole, UsageError } from '../base/index.js'
import type { BestBy, CheckpointPlan, EvaluationPlan, TrainerHooks, TrainerOptions } from './options.js'

/** @throws UsageError for options of a trainer that make no sense */
export function checkOptions<M, B>(options: TrainerOptions<M, B>): void {
  const { steps, accumulation = 1, clip, evaluation, checkpoint, snapshotEvery } = options
  for (const [record, { names, of }] of Object.entries(known))
    checkNames('Trainer', of(options as unknown as Options), names, record)
  checkWhole('Trainer', 'steps', steps, 1)
  checkFunction('Trainer', 'loss', options.loss)
  checkFunction('Trainer', 'schedule', options.schedule)
  checkFunction('Trainer', 'data.batch', (options.data as { batch?: unknown } | undefined)?.batch)
  checkWhole('Trainer', 'accumulation', accumulation, 1)
  if (evaluation !== undefined) checkWhole('Trainer', 'evaluation.every', evaluation.every, 1)
  if (evaluation?.patience !== undefined) checkWhole('Trainer', 'evaluation.patience', evaluation.patience, 1)
  if (snapshotEvery !== undefined) checkWhole('Trainer', 'snapshotEvery', snapshotEvery, 1)
  if (checkpoint?.everySteps !== undefined)
    checkWhole('Trainer', 'checkpoint.everySteps', checkpoint.everySteps, 1)
  if (checkpoint?.keep !== undefined) checkWhole('Trainer', 'checkpoint.keep', checkpoint.keep, 1)
  if (clip !== undefined && !(clip > 0)) throw wrongOption('clip to be above 0', String(clip))
  if (checkpoint?.everySeconds !== undefined && !(checkpoint.everySeconds > 0))
    throw wrongOption('checkpoint.everySeconds to be above 0', String(checkpoint.everySeconds))
}

export function wrongOption(expected: string, found: string): UsageError {
  return new UsageError({ operation: 'Trainer', expected, found, hint: 'correct that option' })
}

/** The names of a record's fields: all of them, which the compiler checks. */
function namesOf<T>(fields: Record<keyof T, true>): readonly string[] {
  return Object.keys(fields)
}

type Options = TrainerOptions<never, never>
type Known = Readonly<
  Record<string, { readonly names: readonly string[]; readonly of: (options: Options) => object | undefined }>
>

const known: Known = {
  options: {
    of: (options) => options,
    names: namesOf<Options>({
      model: true,
      loss: true,
      optimizer: true,
      schedule: true,
      data: true,
      steps: true,
      seed: true,
      accumulation: true,
      precision: true,
      clip: true,
      evaluation: true,
      checkpoint: true,
      hooks: true,
      snapshotEvery: true,
      signal: true,
    }),
  },
  evaluation: {
    of: ({ evaluation }) => evaluation,
    names: namesOf<EvaluationPlan<never, never>>({
      data: true,
      every: true,
      loss: true,
      atStart: true,
      measure: true,
      best: true,
      patience: true,
    }),
  },
  best: {
    of: ({ evaluation }) => evaluation?.best,
    names: namesOf<BestBy>({ metric: true, higher: true }),
  },
  checkpoint: {
    of: ({ checkpoint }) => checkpoint,
    names: namesOf<CheckpointPlan<never>>({
      folder: true,
      everySteps: true,
      everySeconds: true,
      keep: true,
      best: true,
      config: true,
      settings: true,
      files: true,
      fileLayer: true,
      lock: true,
    }),
  },
  hooks: {
    of: ({ hooks }) => hooks,
    names: namesOf<TrainerHooks<never>>({
      onStep: true,
      onEvaluation: true,
      onSnapshot: true,
      onSave: true,
      onCheckpoint: true,
    }),
  },
}
