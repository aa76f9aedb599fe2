import type { Tensor } from '../../tensor/index.js'

/** Where the texts of a batch stand. */
export interface TextRows {
  /** i32, 0 where a row is filled up: nobody attends there, and positions count the others. */
  readonly real?: Tensor<'batch' | 'position'> | undefined
  /** How many positions each text has, where the batch of 1 has several one after the other. */
  readonly rows?: readonly number[] | undefined
}
