import { checkNames, checkWhole, permutation, randomKey, UsageError } from '../base/index.js'

/**
 * Where a training loop gets its batches. A batch is a pure function of its number, so a checkpoint keeps
 * only that number.
 */
export interface Data<B> {
  /** How many batches show each example once. */
  readonly batchesPerEpoch: number
  /** Tokens (or examples) in a batch, for speeds; 0 where it is unknown. */
  readonly tokensPerBatch: number
  /** What decides the batches, in one line: a checkpoint keeps it, and refuses to go on with other data. */
  readonly fingerprint: string
  /**
   * Batch number `index` since the beginning of training: epoch ⌊index / batchesPerEpoch⌋. Its tensors are
   * made on the current device.
   */
  batch(index: number): B
  /**
   * How much a batch counts in means over several: what its loss is the mean over, such as targets. Default:
   * what the loss counts, see `Loss`.
   */
  weight?(batch: B): number
  /**
   * How many examples batch number `index` holds: its weight, where neither the loss nor `weight` says one.
   */
  examples?(index: number): number
}

/**
 * How `exampleBatches` puts examples together. `collate` makes the tensors of a batch from some of the
 * records.
 */
export interface ExampleOptions<R, B> {
  /** Examples in a batch; the last one of an epoch may be smaller. */
  readonly batch: number
  /** Makes a batch of examples. */
  readonly collate: (examples: readonly R[]) => B
  /** Decides the order; each epoch has its own. */
  readonly seed?: number
  /** Default true. */
  readonly shuffle?: boolean
  /** Leaves out the smaller batch at the end of an epoch. Default false. */
  readonly dropLast?: boolean
  /** Tokens in a batch, for speeds; default the number of examples. */
  readonly tokensPerBatch?: number
  /** How much a batch counts in means over several; default what its loss counts, else its examples. */
  readonly weight?: (batch: B) => number
}

/**
 * Batches of any records, in an order of its own for each epoch.
 *
 * @throws UsageError where there are too few examples for one batch, or for a seed that isn't whole
 */
export function exampleBatches<R, B>(examples: readonly R[], options: ExampleOptions<R, B>): Data<B> {
  const { batch, collate, seed = 0, shuffle = true, dropLast = false } = options
  const known: Record<keyof ExampleOptions<R, B>, true> = {
    batch: true,
    collate: true,
    seed: true,
    shuffle: true,
    dropLast: true,
    tokensPerBatch: true,
    weight: true,
  }
  checkNames('exampleBatches', options, Object.keys(known))
  checkWhole('exampleBatches', 'batch', batch, 1)
  const batchesPerEpoch = dropLast ? Math.floor(examples.length / batch) : Math.ceil(examples.length / batch)
  if (batchesPerEpoch === 0)
    throw tooFew('exampleBatches', `${dropLast ? batch : 1} examples`, examples.length)
  const orderOf = epochOrder(seed, examples.length, shuffle)
  const { weight } = options
  return {
    batchesPerEpoch,
    tokensPerBatch: options.tokensPerBatch ?? batch,
    ...(weight && { weight }),
    examples: (index) => Math.min(batch, examples.length - (index % batchesPerEpoch) * batch),
    fingerprint: `examples ${examples.length}, batch ${batch}, seed ${seed}, shuffle ${shuffle}, dropLast ${dropLast}`,
    batch: (index) => {
      checkPosition('exampleBatches', index)
      const order = orderOf(Math.floor(index / batchesPerEpoch))
      const start = (index % batchesPerEpoch) * batch
      const chosen: R[] = []
      for (let i = start; i < Math.min(start + batch, examples.length); i++)
        chosen.push(examples[order === undefined ? i : order[i]!]!)
      return collate(chosen)
    },
  }
}

/**
 * The order of each epoch (undefined: as they are), by random numbers that depend on seed and epoch alone;
 * the last one is kept.
 */
export function epochOrder(
  seed: number,
  length: number,
  shuffle: boolean,
): (epoch: number) => Uint32Array | undefined {
  let known: { epoch: number; order: Uint32Array } | undefined
  return (epoch) => {
    if (!shuffle) return undefined
    if (known?.epoch !== epoch)
      known = { epoch, order: permutation(randomKey(seed, 'shuffle', epoch), length) }
    return known.order
  }
}

/** @throws UsageError unless a whole number of at least 0 */
export function checkPosition(operation: string, index: number): void {
  if (!Number.isSafeInteger(index) || index < 0)
    throw new UsageError({
      operation,
      expected: 'the number of a batch, from 0',
      found: String(index),
      hint: 'batches are counted from the beginning of training',
    })
}

export function tooFew(operation: string, expected: string, found: number): UsageError {
  return new UsageError({
    operation,
    expected: `at least ${expected}`,
    found: String(found),
    hint: 'give more data, or make batch or context smaller',
  })
}
