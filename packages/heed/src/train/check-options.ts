import { checkWhole, UsageError } from '../base/index.js'
import type { TrainerOptions } from './options.js'

/** @throws UsageError for options of a trainer that make no sense */
export function checkOptions<M, B>(options: TrainerOptions<M, B>): void {
  const { steps, accumulation = 1, clip, evaluation, checkpoint, snapshotEvery } = options
  checkWhole('Trainer', 'steps', steps, 1)
  checkWhole('Trainer', 'accumulation', accumulation, 1)
  if (evaluation !== undefined) checkWhole('Trainer', 'evaluation.every', evaluation.every, 1)
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
