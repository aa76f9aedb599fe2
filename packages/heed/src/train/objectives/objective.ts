import type { EncoderDropout } from '../../models/index.js'
import type { LossReport } from '../metrics.js'
import type { LossContext } from '../options.js'

/** What an objective's loss is told beside model and batch. */
export interface ObjectiveContext extends LossContext {
  /**
   * For the function that runs the model, among its options: what is dropped while training, and whether
   * blocks are computed again for the gradient.
   */
  readonly run: {
    readonly dropout?: EncoderDropout | undefined
    readonly rematerialize?: boolean | undefined
  }
}

/**
 * What is learned: from a record of data to a loss. `R`: a record. `E`: an example, plain data of one record,
 * encoded once. `B`: a batch, whose tensors are made when it is its turn. `M`: the model.
 */
export interface Objective<R, E, B, M> {
  /** `text-classification` */
  readonly name: string
  /** Plain JSON that decides the examples and the loss: a run that goes on must have the same. */
  readonly settings: Readonly<Record<string, unknown>>
  /**
   * The examples of a record: mostly one, several where a text is read by windows.
   *
   * @throws UsageError where the record makes no sense
   */
  encode(record: R): readonly E[]
  /** How many tokens an example has: those of like lengths make a batch. */
  lengthOf(example: E): number
  collate(examples: readonly E[]): B
  /** The mean loss of a batch, over how much it is the mean, and means of what else is measured. */
  loss(model: M, batch: B, context: ObjectiveContext): LossReport & { readonly weight: number }
}
