/** How likely a model finds texts that are given. */
import { pause, UsageError } from '../base/index.js'
import type { Device } from '../device/index.js'
import { currentDevice, scope, withDevice } from '../tensor/index.js'
import { checkPrompts } from './check-ids.js'
import type { Decoding, Writable } from './decoding.js'
import { LogitRows } from './logit-rows.js'
import { logProbabilityOf } from './sampling.js'

/** How likely a continuation is. */
export interface ContinuationScore {
  /** The logarithm of its probability: the sum of those of its ids. */
  readonly logProbability: number
  /** Of each id, given the prompt and the ids before it. */
  readonly logProbabilities: readonly number[]
}

/** For so many positions, over all texts, logits are held at a time. */
const mostLogits = 32

/**
 * How likely each continuation is after its prompt, by the model's own probabilities. All are computed
 * together. Other work of the process runs between the model's steps.
 *
 * @param continuations one for each prompt; it may have no id
 * @param device where the model's weights are. Default: the device that is current at the call
 * @throws UsageError where there are not as many of both, or a text is longer than the context; ShapeError
 * for ids outside the vocabulary
 */
export async function scoreOf(
  writable: Writable,
  prompts: readonly ArrayLike<number>[],
  continuations: readonly ArrayLike<number>[],
  device: Device = currentDevice(),
): Promise<ContinuationScore[]> {
  const { vocabulary, context } = writable
  const before = checkPrompts('scoreOf', 'prompts', prompts, vocabulary)
  const texts = checkContinuations(continuations, vocabulary)
  const refuse = (expected: string, found: string): never => {
    throw new UsageError({ operation: 'scoreOf', expected, found, hint: 'cut the texts, or split them' })
  }
  if (texts.length !== before.length)
    refuse(`a continuation for each of the ${before.length} prompts`, String(texts.length))
  before.forEach((prompt, i) => {
    // The last id is only predicted.
    const length = prompt.length + texts[i]!.length - 1
    if (length > context) refuse(`texts of at most ${context + 1} ids`, `one of ${length + 1}`)
  })
  if (before.length === 0) return []
  const found = texts.map((): number[] => [])
  const decoding = withDevice(device, () => writable.begin(before.length))
  try {
    const logits = new LogitRows()
    // The model gets all ids but the last, of which none is wanted where there is no continuation.
    let fed = before.map((prompt, i) => (texts[i]!.length === 0 ? [] : prompt))
    let all = false
    while (fed.some((ids) => ids.length > 0)) {
      withDevice(device, () => readLogits(logits, decoding, fed, all))
      let row = 0
      fed.forEach((ids, i) => {
        for (let left = all ? ids.length : Math.min(1, ids.length); left > 0; left--, row++) {
          const numbers = logits.row(row)
          found[i]!.push(logProbabilityOf(numbers)(numbers[texts[i]![found[i]!.length]!]!))
        }
      })
      all = true
      const most = Math.max(1, Math.floor(mostLogits / fed.length))
      fed = texts.map((ids, i) => {
        const done = found[i]!.length
        return done === 0 ? [] : ids.slice(done - 1, Math.min(done - 1 + most, ids.length - 1))
      })
      await pause()
    }
  } finally {
    decoding.dispose()
  }
  return found.map((logProbabilities) => ({
    logProbability: logProbabilities.reduce((sum, value) => sum + value, 0),
    logProbabilities,
  }))
}

function readLogits(
  logits: LogitRows,
  decoding: Decoding,
  ids: readonly (readonly number[])[],
  all: boolean,
): void {
  scope(() => logits.read(decoding.step(ids, { all })))
}

/** As prompts are, but for those that have no id. */
function checkContinuations(
  continuations: readonly ArrayLike<number>[],
  vocabulary: number,
): (readonly number[])[] {
  const isEmpty = (ids: ArrayLike<number> | null): boolean => typeof ids !== 'string' && ids?.length === 0
  const some = Array.isArray(continuations) ? continuations.filter((ids) => !isEmpty(ids)) : continuations
  const checked = checkPrompts('scoreOf', 'continuations', some, vocabulary)
  return continuations.map((ids) => (isEmpty(ids) ? [] : checked.shift()!))
}
