import { UsageError } from '../base/index.js'
import type { Checkpoint, TrainingState } from './checkpoint.js'
import { type Difference, differencesOf } from './differences.js'

/** What a run is by its options. */
export type RunIdentity = Pick<
  TrainingState,
  'seed' | 'accumulation' | 'precision' | 'optimizer' | 'data' | 'evaluation' | 'rate' | 'config' | 'settings'
>

/**
 * Holds a checkpoint to the run that goes on from it. Seed, accumulation, precision, optimizer, data and the
 * caller's configuration must be the same, or the run would not end as it began.
 *
 * @returns what differs and may: the learning rate, the evaluation's data, the caller's settings
 * @throws UsageError naming all that differs and may not
 */
export function checkSameRun({ path, state }: Checkpoint, own: RunIdentity): Difference[] {
  const compared = {
    options: state.optimizer.name === own.optimizer.name,
    config: own.config !== null,
  }
  const differing = differencesOf(fixed(state, compared), fixed(own, compared))
  if (differing.length > 0) {
    const each = (part: keyof Difference): string[] => differing.map((difference) => difference[part])
    throw new UsageError({
      operation: 'resume',
      expected: `the ${each('path').join(', the ')} of '${path}' (${each('before').join('; ')})`,
      found: each('now').join('; '),
      hint: 'go on with what the run began with, or begin anew in another folder',
    })
  }
  return differencesOf(free(state, state), free(own, state))
}

/** Options of another optimizer don't compare, nor does a configuration with none. */
function fixed(
  { seed, accumulation, precision = 'f32', optimizer, data, config }: RunIdentity,
  compared: { readonly options: boolean; readonly config: boolean },
): object {
  return {
    seed,
    accumulation,
    precision,
    optimizer: optimizer.name,
    ...(compared.options && { 'optimizer options': optimizer.options }),
    data,
    ...(compared.config && { config }),
  }
}

/** What a checkpoint says nothing of is not compared. */
function free({ rate, evaluation, settings }: RunIdentity, known: RunIdentity): object {
  return {
    ...(known.rate !== null && { rate }),
    ...(known.evaluation !== null && { evaluation }),
    ...(known.settings !== null && { settings }),
  }
}
