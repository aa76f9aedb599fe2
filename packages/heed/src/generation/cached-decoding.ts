/**
 * Models that write with a cache for each row: of a batch nothing is computed but the rows' own positions.
 */
import { ShapeError, StateError, UsageError } from '../base/index.js'
import { type ModelRows, type RowCaches, type Sequence } from '../nn/index.js'
import { within } from '../observe/index.js'
import { gather, scope, tensor, type Tensor, zeros } from '../tensor/index.js'
import type { Decoding } from './decoding.js'
import type { PrefixCache } from './prefix-cache.js'
import { shareBeginnings, sharedLength } from './shared-prefix.js'

/** What runs a model on rows. */
export interface Runner {
  readonly context: number
  readonly vocabulary: number
  readonly prefixes: PrefixCache | undefined
  /**
   * Whether rows whose ids begin alike have the same states there: not where each has a source of its own.
   */
  readonly shares: boolean
  /** The last states of each position. */
  states(ids: Tensor<'batch' | 'position'>, rows: ModelRows): Sequence
  logits(states: Sequence): Tensor<'batch' | 'position' | 'vocabulary'>
}

/** A decoding whose rows have caches. */
export class CachedDecoding implements Decoding {
  readonly #runner: Runner
  readonly #caches: RowCaches
  /** The ids of each row, as far as its cache has them. */
  #texts: number[][]
  #open = true

  constructor(runner: Runner, caches: RowCaches, texts: number[][] = caches.of().map(() => [])) {
    this.#runner = runner
    this.#caches = caches
    this.#texts = texts
  }

  get rows(): number {
    return this.#texts.length
  }
  get lengths(): readonly number[] {
    return this.#texts.map(({ length }) => length)
  }
  get context(): number {
    return this.#runner.context
  }
  get vocabulary(): number {
    return this.#runner.vocabulary
  }

  step(
    given: readonly ArrayLike<number>[],
    { all = false }: { readonly all?: boolean } = {},
  ): Tensor<'row' | 'vocabulary'> {
    const ids = this.#checked(given)
    const begin = this.#texts.flatMap(({ length }, row) =>
      length === 0 && ids[row]!.length > 1 ? [row] : [],
    )
    const { prefixes } = this.#runner
    try {
      return scope(() => {
        if (!all) this.#take(ids, begin)
        const logits = this.#run(ids, all)
        ids.forEach((list, row) => this.#texts[row]!.push(...list))
        const caches = this.#caches.of()
        if (prefixes !== undefined && !all)
          for (const row of begin) prefixes.add(this.#texts[row]!, caches[row]!.fork())
        return logits
      })
    } catch (error) {
      // As if nothing had been asked.
      this.#caches
        .of()
        .forEach((cache, row) => cache.truncate(Math.min(cache.length, this.#texts[row]!.length)))
      throw error
    }
  }

  /** What is known of the rows that begin, or they have alike: what is not to be computed for each. */
  #take(ids: readonly (readonly number[])[], begin: readonly number[]): void {
    const { prefixes } = this.#runner
    for (const row of begin) {
      const { length } = ids[row]!
      const known = prefixes?.find(ids[row]!, length)
      if (known === undefined) continue
      known.cache.truncate(sharedLength(known.length, length))
      this.#caches.replace(row, known.cache)
    }
    if (begin.length > 1 && this.#runner.shares)
      shareBeginnings(
        begin.map((row) => ids[row]!),
        begin,
        this.#caches,
        // Its rows are others than the step's: so are its names.
        (lists, caches) => within('shared', () => scope(() => void this.#states(lists, caches))),
      )
  }

  /** Runs what is not in the caches yet, and gives the logits after the last id of each row, or after all. */
  #run(ids: readonly (readonly number[])[], all: boolean): Tensor<'row' | 'vocabulary'> {
    const { vocabulary } = this.#runner
    const running = ids.flatMap(({ length }, row) => (length > 0 ? [row] : []))
    if (running.length === 0) return zeros({ row: 0, vocabulary })
    const caches = this.#caches.of(running)
    const fresh = running.map((row, i) => ids[row]!.slice(caches[i]!.length - this.#texts[row]!.length))
    const states = this.#states(fresh, caches)
    const single = fresh.every(({ length }) => length === 1)
    return this.#runner
      .logits(all || single ? states : lastOf(states, fresh))
      .at('batch', 0)
      .rename({ position: 'row' })
  }

  #states(ids: readonly (readonly number[])[], caches: ModelRows['caches']): Sequence {
    return this.#runner.states(packed(ids), { lengths: ids.map(({ length }) => length), caches })
  }

  /**
   * @throws UsageError unless there is a list of ids for each row
   * @throws StateError where a row would be longer than the context
   */
  #checked(given: readonly ArrayLike<number>[]): readonly (readonly number[])[] {
    this.#checkOpen()
    if (!Array.isArray(given) || given.length !== this.rows)
      throw new UsageError({
        operation: 'step',
        expected: `a list of ids for each of ${this.rows} rows`,
        found: Array.isArray(given) ? String(given.length) : typeof given,
        hint: 'give an empty list for a row that waits',
      })
    const ids = given.map((list: ArrayLike<number>) => Array.from(list))
    ids.forEach((list, row) => {
      const length = this.#texts[row]!.length + list.length
      if (length > this.context)
        throw new StateError({
          operation: 'step',
          expected: `at most ${this.context} positions in a row, the model's context`,
          found: `${length} in row ${row}`,
          hint: 'end the text, or go on from a part of it in a new decoding',
        })
      const wrong = list.find((id) => !(Number.isInteger(id) && id >= 0 && id < this.vocabulary))
      if (wrong !== undefined)
        throw new ShapeError({
          operation: 'step',
          axis: 'vocabulary',
          expected: `token ids from 0 to ${this.vocabulary - 1}, the model's vocabulary`,
          found: `${wrong} in row ${row}`,
          hint: 'encode with the tokenizer that belongs to the model',
        })
    })
    return ids
  }

  keep(rows: readonly number[]): void {
    this.#checkOpen()
    this.#caches.keep(rows)
    this.#texts = rows.map((row) => [...this.#texts[row]!])
  }

  truncate(row: number, length: number): void {
    this.#checkOpen()
    this.#caches.truncate(row, length)
    this.#texts[row]!.length = length
  }

  fork(): Decoding {
    this.#checkOpen()
    return new CachedDecoding(
      this.#runner,
      this.#caches.fork(),
      this.#texts.map((text) => [...text]),
    )
  }

  dispose(): void {
    if (!this.#open) return
    this.#open = false
    const { prefixes } = this.#runner
    // A text that goes on later begins with what was written.
    if (prefixes !== undefined)
      this.#caches.of().forEach((cache, row) => prefixes.add(this.#texts[row]!, cache.fork()))
    this.#caches.dispose()
  }

  #checkOpen(): void {
    if (this.#open) return
    throw new StateError({
      operation: 'decoding',
      expected: 'one that is not freed',
      found: 'one after dispose()',
      hint: 'begin another',
    })
  }
}

/** The ids of rows, one after the other in a batch of 1. */
export function packed(rows: readonly ArrayLike<number>[]): Tensor<'batch' | 'position'> {
  const ids = Int32Array.from(rows.flatMap((row) => Array.from(row)))
  return tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
}

/** The last position of each row. */
function lastOf(states: Sequence, ids: readonly (readonly number[])[]): Sequence {
  let end = 0
  const last = Int32Array.from(ids, ({ length }) => (end += length) - 1)
  if (last.length === 1) return states.slice('position', end - 1, end)
  const places = tensor(last, { position: last.length }, { dtype: 'i32' })
  return gather(states, places, 'position') as Sequence
}
