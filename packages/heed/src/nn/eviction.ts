/** Which positions a key/value cache keeps where it may not grow: lists for `keepPositions`. */
import { checkWhole, UsageError } from '../base/index.js'

/**
 * The first positions and the last ones (Xiao et al. 2023, "Efficient Streaming Language Models with
 * Attention Sinks", section 3.2): the first have taken what attention has to spare while the model was
 * trained, and without them it falls apart.
 *
 * @param length positions in the cache
 * @throws UsageError unless the numbers are whole, and at least 0
 */
export function sinksAndRecent(
  length: number,
  { sinks, recent }: { readonly sinks: number; readonly recent: number },
): number[] {
  for (const [name, value] of Object.entries({ length, sinks, recent }))
    checkWhole('sinksAndRecent', name, value)
  return range(length).filter((position) => position < sinks || position >= length - recent)
}

/**
 * The last positions, and of those before the ones that received most of the filters so far (Zhang et al.
 * 2023, "H₂O: Heavy-Hitter Oracle", algorithm 1). The paper chooses for each head; here it is one choice for
 * all heads of a layer, whose weights are added up.
 *
 * @param received for each position of the cache the weights that all queries so far gave it
 * @throws UsageError for a weight that is no number, or counts that are not whole
 */
export function heavyHitters(
  received: ArrayLike<number>,
  { heavy, recent }: { readonly heavy: number; readonly recent: number },
): number[] {
  checkWhole('heavyHitters', 'heavy', heavy)
  checkWhole('heavyHitters', 'recent', recent)
  const weights = Array.from(received)
  const wrong = weights.find((weight) => !Number.isFinite(weight))
  if (wrong !== undefined) {
    throw new UsageError({
      operation: 'heavyHitters',
      expected: 'a weight for each position',
      found: String(wrong),
      hint: 'add up filters over queries and heads',
    })
  }
  const early = range(Math.max(0, weights.length - recent))
  const most = early.toSorted((a, b) => weights[b]! - weights[a]! || a - b).slice(0, heavy)
  return [...most.toSorted((a, b) => a - b), ...range(weights.length).slice(early.length)]
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
