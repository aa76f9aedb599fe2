import { checkWhole, foldIn, permutation, randomKey, UsageError } from '../base/index.js'
import { checkPosition, type Data } from './data.js'

/** How examples are put into batches of like lengths. */
export interface LikeLengths {
  /** Examples in a batch at most. Default 32; none where `batchTokens` is given. */
  readonly batch?: number | undefined
  /** Tokens in a batch at most (an example that is longer is a batch of its own). Default: none. */
  readonly batchTokens?: number | undefined
  /** Decides which of equally long examples stand together, and the order of batches in each epoch. */
  readonly seed?: number | undefined
  /** Default true; else the same batches in the same order in each epoch, the longest first. */
  readonly shuffle?: boolean | undefined
}

/**
 * Batches of examples of like lengths. The examples are put in order of length, equally long ones in another
 * order each epoch, and cut into batches, which come in another order each epoch. So an epoch always has as
 * many batches, of the same sizes.
 *
 * @param fingerprint what decides the examples
 * @throws UsageError without examples
 */
export function likeLengthBatches<E, B>(
  examples: readonly E[],
  fingerprint: string,
  {
    lengthOf,
    collate,
    ...options
  }: LikeLengths & {
    readonly lengthOf: (example: E) => number
    readonly collate: (examples: readonly E[]) => B
  },
): Data<B> {
  const { batchTokens, seed = 0, shuffle = true } = options
  const { batch = batchTokens === undefined ? 32 : undefined } = options
  if (batch !== undefined) checkWhole('train', 'batch', batch, 1)
  if (batchTokens !== undefined) checkWhole('train', 'batchTokens', batchTokens, 1)
  if (examples.length === 0)
    throw new UsageError({
      operation: 'train',
      expected: 'at least one example',
      found: 'none',
      hint: 'give more data',
    })
  const lengths = Int32Array.from(examples, lengthOf)
  /** The longest first; of equals, as `rank` has them. */
  const orderOf = (rank: ArrayLike<number>): Uint32Array =>
    Uint32Array.from(lengths.keys()).sort((a, b) => lengths[b]! - lengths[a]! || rank[a]! - rank[b]!)
  const plain = orderOf(Uint32Array.from(lengths.keys()))
  const starts: number[] = []
  let room = 0
  let count = Infinity
  plain.forEach((number, i) => {
    const length = lengths[number]!
    if (count >= (batch ?? Infinity) || length > room) {
      starts.push(i)
      room = batchTokens ?? Infinity
      count = 0
    }
    room -= length
    count++
  })
  const batchesPerEpoch = starts.length
  const total = lengths.reduce((sum, length) => sum + length, 0)
  let known: { readonly epoch: number; readonly order: Uint32Array; readonly batches: ArrayLike<number> }
  const epochOf = (epoch: number): typeof known => {
    if (known?.epoch === epoch) return known
    const key = randomKey(seed, 'like lengths', epoch)
    return (known = {
      epoch,
      order: shuffle ? orderOf(permutation(foldIn(key, 'examples'), examples.length)) : plain,
      batches: shuffle ? permutation(foldIn(key, 'batches'), batchesPerEpoch) : starts.map((_, i) => i),
    })
  }
  return {
    batchesPerEpoch,
    tokensPerBatch: total / batchesPerEpoch,
    fingerprint: `${fingerprint}, examples ${examples.length}, tokens ${total}, batch ${batch ?? 'any'}, batchTokens ${batchTokens ?? 'any'}, seed ${seed}, shuffle ${shuffle}`,
    batch(index) {
      checkPosition('train', index)
      const { order, batches } = epochOf(Math.floor(index / batchesPerEpoch))
      const own = batches[index % batchesPerEpoch]!
      return collate(Array.from(order.subarray(starts[own]!, starts[own + 1]), (i) => examples[i]!))
    },
  }
}
