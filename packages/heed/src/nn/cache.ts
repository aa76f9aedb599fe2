import { checkWhole, disposedByUsing, StateError, UsageError } from '../base/index.js'
import type { StoredFloat } from '../kernels/index.js'
import { keep, rename, together, tracked } from '../tensor/index.js'
import { checkForgotten, Growing, type Key } from './growing.js'

/** What a key/value cache stores its numbers as. */
export interface CacheOptions {
  /**
   * Of keys and values of the model's own positions. `bf16` and `f16` take half the memory, and round each
   * number to 8 or 11 bits; what attention computes stays f32. Default `f32`.
   */
  readonly dtype?: StoredFloat | undefined
}

/**
 * What a decoder remembers from one step to the next: the keys and values of every position so far, layer by
 * layer, so that a step computes only the new ones. Give the same cache to each call of the model, each with
 * the tokens that follow. Room doubles as it fills: adding a position copies that position.
 *
 * Lives until `dispose()`, whatever scope it was made in.
 */
export class KeyValueCache {
  /** `using cache = …` frees it at the end of the block. */
  declare readonly [Symbol.dispose]: () => void
  readonly #layers: LayerCache[] = []
  readonly #dtype: StoredFloat

  /** @throws UsageError for another dtype */
  constructor({ dtype = 'f32' }: CacheOptions = {}) {
    if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'bf16')
      throw new UsageError({
        operation: 'KeyValueCache',
        expected: "a dtype of 'f32', 'f16' or 'bf16'",
        found: String(dtype),
        hint: 'leave it out for f32',
      })
    this.#dtype = dtype
  }

  /** Positions in it. */
  get length(): number {
    return this.#layers[0]?.length ?? 0
  }

  /** The part of one layer; made when first asked for. */
  layer(index: number): LayerCache {
    checkWhole('cache', 'layer', index)
    while (this.#layers.length <= index) this.#layers.push(new LayerCache({ dtype: this.#dtype }))
    return this.#layers[index]!
  }

  /**
   * Forgets all positions from `length` on.
   *
   * @throws UsageError or StateError unless 0 ≤ length ≤ the positions in it
   */
  truncate(length: number): void {
    checkForgotten(length, this.length)
    // A step that failed left some layers with less.
    for (const layer of this.#layers) layer.truncate(Math.min(length, layer.length))
  }

  /**
   * Forgets all but these positions (`sinksAndRecent`), which count from 0, in ascending order. What stays
   * moves up: the cache is as long as the list. Rotary keys stay turned as they were, so give the model
   * `positions` from then on, which count on from the text's own length. Masks count the keys that are left.
   *
   * @throws UsageError unless they are positions of the cache, in ascending order
   */
  keepPositions(kept: readonly number[]): void {
    checkKept(kept, this.length)
    for (const layer of this.#layers) layer.keepPositions(kept)
  }

  /**
   * Another that holds the same and goes on by itself. Both share their memory: who first adds positions goes
   * on in place, and the other copies when it adds some.
   */
  fork(): KeyValueCache {
    const other = new KeyValueCache({ dtype: this.#dtype })
    for (const layer of this.#layers) other.#layers.push(layer.fork())
    return other
  }

  /** The blocks of memory that it holds, which forks share. */
  *blocks(): Generator<{ readonly bytes: number }> {
    for (const layer of this.#layers) yield* layer.blocks()
  }

  dispose(): void {
    for (const layer of this.#layers) layer.dispose()
    this.#layers.length = 0
  }
}

disposedByUsing(KeyValueCache)

/** Keys and values. */
export interface Remembered {
  readonly key: Key
  readonly value: Key
}

/** Keys and values of one layer. */
export class LayerCache {
  readonly #keys: Growing
  readonly #values: Growing
  /** Of a recurrent layer, which has no keys and values. They go from step to step, and stay f32. */
  readonly #states: Growing
  #context: Remembered | undefined

  constructor(
    { dtype = 'f32' }: CacheOptions = {},
    keys: Growing = new Growing('keys', dtype),
    values: Growing = new Growing('values', dtype),
    states: Growing = new Growing('states', 'f32'),
  ) {
    this.#keys = keys
    this.#values = values
    this.#states = states
  }

  /** Positions in it. */
  get length(): number {
    return Math.max(this.#keys.length, this.#states.length)
  }

  /**
   * Adds the states of the positions that follow, of a recurrent layer.
   *
   * @throws ShapeError if batch or width are not as before
   */
  appendStates(states: Key): void {
    this.#states.append(states)
  }

  /** The state of the last position; undefined where there is none. */
  lastState(): Key | undefined {
    return this.#states.last()
  }

  /**
   * Adds the keys and values of the positions that follow; gives those of all positions.
   *
   * @throws StateError where a gradient is wanted: training sees whole sequences
   * @throws ShapeError if batch, heads or width are not as before
   */
  append(key: Key, value: Key): Remembered {
    refuseGradient(key, value)
    return together(() => ({ key: this.#keys.append(key), value: this.#values.append(value) }))
  }

  /**
   * The keys and values of another sequence, computed the first time and remembered.
   *
   * @throws StateError where a gradient is wanted
   */
  context(compute: () => Remembered): Remembered {
    if (this.#context === undefined) {
      const { key, value } = compute()
      refuseGradient(key, value)
      this.#context = keep({ key, value })
    }
    return this.#context
  }

  /** Whether `context` has been computed. */
  get hasContext(): boolean {
    return this.#context !== undefined
  }

  /** Room for `count` positions more, like those of `key` and `value`: where the caller writes them. */
  extend(key: Key, value: Key, count: number): Record<keyof Remembered, ReturnType<Growing['extend']>> {
    return { key: this.#keys.extend(key, count), value: this.#values.extend(value, count) }
  }

  fork(): LayerCache {
    const other = new LayerCache({}, this.#keys.fork(), this.#values.fork(), this.#states.fork())
    if (this.#context !== undefined) {
      const { key, value } = this.#context
      other.#context = keep({ key: rename(key, {}), value: rename(value, {}) })
    }
    return other
  }

  *blocks(): Generator<{ readonly bytes: number }> {
    const { key, value } = this.#context ?? {}
    const own = [this.#keys.block, this.#values.block, this.#states.block]
    for (const block of [...own, key?.storage, value?.storage]) if (block !== undefined) yield block
  }

  /** Forgets all but these positions: see `KeyValueCache`. Layers may keep others, as many. */
  keepPositions(kept: readonly number[]): void {
    checkKept(kept, this.#keys.length)
    this.#keys.keepPositions(kept)
    this.#values.keepPositions(kept)
  }

  truncate(length: number): void {
    for (const part of [this.#keys, this.#values, this.#states]) part.truncate(part.length === 0 ? 0 : length)
  }

  dispose(): void {
    this.#keys.dispose()
    this.#values.dispose()
    this.#states.dispose()
    this.#context?.key.dispose()
    this.#context?.value.dispose()
    this.#context = undefined
  }
}

/** @throws UsageError unless they are positions of a cache, in ascending order */
function checkKept(kept: readonly number[], length: number): void {
  if (
    kept.every(
      (position, i) => Number.isInteger(position) && position > (kept[i - 1] ?? -1) && position < length,
    )
  )
    return
  throw new UsageError({
    operation: 'cache.keepPositions',
    expected: `positions from 0 to ${length - 1}, in ascending order`,
    found: kept.slice(0, 8).join(', '),
    hint: 'sort them, and name each once',
  })
}

/** @throws StateError where a gradient is wanted */
export function refuseGradient(key: Key, value: Key): void {
  if (!tracked([key, value])) return
  throw new StateError({
    operation: 'cache',
    expected: 'a step without a gradient',
    found: 'a gradient wanted through the cache',
    hint: 'leave the cache out in training',
  })
}
