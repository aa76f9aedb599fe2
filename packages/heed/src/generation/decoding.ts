import type { Tensor } from '../tensor/index.js'

/**
 * A model in the middle of writing: all that generation knows of it. A row is a text that is written; rows
 * have lengths of their own. Lives until `dispose()`, whatever scope it was made in.
 */
export interface Decoding {
  /** Rows that are written at the same time. */
  readonly rows: number
  /** How many positions each row has so far, those of its prompt included. */
  readonly lengths: readonly number[]
  /** How many positions a row may have at most: the model's context. */
  readonly context: number
  /** Ids run from 0 to this, without it. */
  readonly vocabulary: number
  /**
   * Adds ids to each row and gives the logits of what follows: after the last of each row's ids, in the order
   * of rows; or with `all` after every one of them, row after row. A row's list may be empty: it then waits,
   * and gives no logits.
   */
  step(ids: readonly ArrayLike<number>[], options?: { readonly all?: boolean }): Tensor<'row' | 'vocabulary'>
  /** Goes on with these rows alone, in this order. A row that is named several times becomes several. */
  keep(rows: readonly number[]): void
  /** Forgets what a row has from `length` positions on. */
  truncate(row: number, length: number): void
  /** Another with the same rows, which goes on by itself. */
  fork(): Decoding
  dispose(): void
}

/** What can be written with: gives a `Decoding` with no position in any row. */
export interface Writable {
  readonly context: number
  readonly vocabulary: number
  /**
   * How many ids a prompt has in front that start a text and are none of it: 1 of a target, whose first word
   * comes behind a start token. Default 0.
   */
  readonly starts?: number | undefined
  /** @param rows how many texts are written at the same time */
  begin(rows: number): Decoding
}
