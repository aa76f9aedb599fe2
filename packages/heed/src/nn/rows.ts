import { checkWhole, disposedByUsing, ShapeError, StateError, UsageError } from '../base/index.js'
import { type Appended, planAppend, type StoredFloat } from '../kernels/index.js'
import {
  type AnyTensor,
  axisOf,
  copy,
  execute,
  slice,
  type Stretch,
  tensor,
  type Tensor,
} from '../tensor/index.js'
import { type CacheOptions, KeyValueCache, type LayerCache, refuseGradient } from './cache.js'
import type { Key } from './growing.js'

/**
 * Several texts of lengths of their own in one sequence of batch 1: the positions of row 0, then those of row
 * 1, and so on, with none between. Each row is alone: it sees nothing of the others, and masks, scores and
 * positions count within it. All but attention runs on the positions of all rows as on any others.
 */
export interface Rows {
  /** How many positions each row has in `x`. */
  readonly lengths: readonly number[]
  /** Of cross-attention: how many positions each row has in `context`. */
  readonly contexts?: readonly number[] | undefined
  /** What each row remembers of the layer: `caches.layer(i)` of `RowCaches`. `x` follows it. */
  readonly caches?: readonly LayerCache[] | undefined
}

/** The same for all layers of a model. */
export interface ModelRows {
  /** How many positions each row has in this call. */
  readonly lengths: readonly number[]
  /** What each row remembers: `caches.of()` of `RowCaches`. The positions follow it. */
  readonly caches?: readonly KeyValueCache[] | undefined
}

/** What a layer's attention is told of a model's rows. */
export function layerRows({ lengths, caches }: ModelRows, layer: number): Rows {
  return { lengths, caches: caches?.map((cache) => cache.layer(layer)) }
}

/** Where the positions of each row begin: after what it remembers. */
export function rowStarts({ lengths, caches }: ModelRows): readonly number[] {
  return caches?.map(({ length }) => length) ?? lengths.map(() => 0)
}

type Axes = 'batch' | 'head' | 'key' | 'width'

/** Where keys and values of each row stand. */
export interface RowMemory {
  readonly keys: readonly Stretch<Axes>[]
  readonly values: readonly Stretch<Axes>[]
}

/**
 * Keys and values of rows one after the other.
 *
 * @throws ShapeError unless the lengths add up to what `key` has
 */
export function packedMemory(key: Key, value: Key, lengths: readonly number[]): RowMemory {
  const starts = startsOf(lengths, axisOf('rows', key, 'key').size)
  const part = (tensor: Key): Stretch<Axes>[] =>
    lengths.map((length, row) => ({ tensor, start: starts[row]!, length }))
  return { keys: part(key), values: part(value) }
}

/**
 * Adds to each row's cache the keys and values of the positions that it has here; gives those of all its
 * positions.
 *
 * @throws ShapeError where lengths, heads or width do not fit
 * @throws StateError where a gradient is wanted: training sees whole sequences
 */
export function appendRows({ lengths, caches = [] }: Rows, key: Key, value: Key): RowMemory {
  refuseGradient(key, value)
  checkCaches(lengths, caches)
  const starts = startsOf(lengths, axisOf('rows', key, 'key').size)
  const places = new Map<StoredFloat, Appended[]>()
  const memory = extended(caches, lengths, key, value)
  const [keys, values] = [adjacentFloats(key), adjacentFloats(value)]
  for (const [name, source] of [
    ['key', keys],
    ['value', values],
  ] as const) {
    const [head, row, width] = (['head', 'key', 'width'] as const).map((axis) => axisOf('rows', source, axis))
    const step = row!.stride * source.device.floatBytes
    for (let i = 0; i < memory.length; i++) {
      const { stretch, place } = memory[i]![name]
      if (lengths[i] === 0) continue
      const dtype = stretch.tensor.dtype as StoredFloat
      let list = places.get(dtype)
      if (list === undefined) places.set(dtype, (list = []))
      list.push({
        rows: lengths[i]!,
        width: width!.size,
        source: source.address + starts[i]! * step,
        sourceHead: head!.stride,
        sourceRow: row!.stride,
        target: place.target,
        targetHead: place.targetHead,
        targetRow: place.targetRow,
      })
    }
  }
  const { device } = key
  const heads = axisOf('rows', key, 'head').size
  for (const [element, appended] of places)
    execute(device, (allocate) =>
      planAppend({
        element,
        heads,
        appended,
        allocate,
        write: (address, words) => device.heap.i32.set(words, address >>> 2),
      }),
    )
  return {
    keys: memory.map((own) => own.key.stretch),
    values: memory.map((own) => own.value.stretch),
  }
}

/** Room in each cache; in none where one has none. */
function extended(
  caches: readonly LayerCache[],
  lengths: readonly number[],
  key: Key,
  value: Key,
): ReturnType<LayerCache['extend']>[] {
  const before = caches.map(({ length }) => length)
  try {
    return caches.map((cache, row) => cache.extend(key, value, lengths[row]!))
  } catch (error) {
    caches.forEach((cache, row) => cache.truncate(Math.min(cache.length, before[row]!)))
    throw error
  }
}

/**
 * Keys and values of each row's context: remembered, where the rows have caches.
 *
 * @throws StateError where some of the rows remember theirs, and others don't
 */
export function contextRows(
  { lengths, contexts, caches }: Rows,
  compute: () => { readonly key: Key; readonly value: Key },
): RowMemory {
  if (caches !== undefined) checkCaches(lengths, caches)
  const known = caches?.filter(({ hasContext }) => hasContext).length ?? 0
  if (caches === undefined || known < caches.length) {
    if (known > 0)
      throw new StateError({
        operation: 'rows',
        expected: 'rows that all remember their context, or none',
        found: `${known} of ${caches!.length}`,
        hint: 'begin all rows of a batch together',
      })
    const { key, value } = compute()
    const memory = packedMemory(key, value, contexts ?? [])
    if (caches === undefined) return memory
    const part = ({ tensor, start, length }: Stretch<Axes>): Key =>
      slice(tensor, 'key', start, start + length)
    caches.forEach((cache, row) =>
      cache.context(() => ({ key: part(memory.keys[row]!), value: part(memory.values[row]!) })),
    )
  }
  const remembered = caches.map((cache) =>
    cache.context(() => {
      throw new StateError({
        operation: 'rows',
        expected: 'a remembered context',
        found: 'none',
        hint: 'this is a bug in heed',
      })
    }),
  )
  const whole = (tensor: Key): Stretch<Axes> => ({
    tensor,
    start: 0,
    length: axisOf('rows', tensor, 'key').size,
  })
  return {
    keys: remembered.map(({ key }) => whole(key)),
    values: remembered.map(({ value }) => whole(value)),
  }
}

/**
 * Where each position of the rows stands in its own row, i32: from the end of what its cache holds, or from 0
 * on. For `positions` of rotary or added positions.
 */
export function rowPositions(
  lengths: readonly number[],
  starts: readonly number[] = lengths.map(() => 0),
): Tensor<'position'> {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const numbers = new Int32Array(total)
  let at = 0
  lengths.forEach((length, row) => {
    for (let i = 0; i < length; i++) numbers[at++] = starts[row]! + i
  })
  return tensor(numbers, { position: total }, { dtype: 'i32' })
}

/** @throws ShapeError unless they are whole numbers whose sum is `total` */
function startsOf(lengths: readonly number[], total: number): number[] {
  let end = 0
  const starts = lengths.map((length) => (end += length) - length)
  if (end === total && lengths.every((length) => Number.isInteger(length) && length >= 0)) return starts
  throw new ShapeError({
    operation: 'rows',
    axis: 'position',
    expected: `lengths whose sum is ${total}, the positions of all rows`,
    found: lengths.join(' + ') || 'none',
    hint: 'say how many positions each row has',
  })
}

function checkCaches(lengths: readonly number[], caches: readonly LayerCache[]): void {
  if (caches.length === lengths.length && new Set(caches).size === caches.length) return
  throw new UsageError({
    operation: 'rows',
    expected: `a cache of its own for each of ${lengths.length} rows`,
    found: `${new Set(caches).size}`,
    hint: 'give caches.layer(i) of RowCaches',
  })
}

/** As f32, the numbers of a position and head one after the other. */
function adjacentFloats(x: Key): Key {
  const { size, stride } = axisOf('rows', x, 'width')
  if (x.dtype === 'f32' && (size === 1 || stride === 1)) return x
  const order = [...x.axes.filter((name) => name !== 'width'), 'width' as const]
  return copy(x, 'f32', order) as AnyTensor as Key
}

/**
 * A `KeyValueCache` for each of several rows: texts of lengths of their own that a model goes on with at the
 * same time.
 *
 * Lives until `dispose()`, whatever scope it was made in.
 */
export class RowCaches {
  /** `using caches = …` frees them at the end of the block. */
  declare readonly [Symbol.dispose]: () => void
  #rows: readonly KeyValueCache[]

  /** @throws UsageError for another dtype */
  constructor(rows: number, options: CacheOptions = {}) {
    checkWhole('RowCaches', 'rows', rows)
    this.#rows = Array.from({ length: rows }, () => new KeyValueCache(options))
  }

  /** Positions that each row has. */
  get lengths(): readonly number[] {
    return this.#rows.map(({ length }) => length)
  }

  /** The part of one layer, of each of these rows, or of all. */
  layer(index: number, rows?: readonly number[]): readonly LayerCache[] {
    return this.of(rows).map((cache) => cache.layer(index))
  }

  /** The caches of these rows, or of all. */
  of(rows?: readonly number[]): readonly KeyValueCache[] {
    return rows?.map((row) => this.#row('of', row)) ?? this.#rows
  }

  /**
   * Goes on with these rows alone, in this order. One that is named several times becomes several, which
   * share what they have so far.
   *
   * @throws UsageError for a row that isn't there
   */
  keep(rows: readonly number[]): void {
    const chosen = rows.map((row) => this.#row('keep', row))
    const taken = new Set<KeyValueCache>()
    const kept = chosen.map((cache) => {
      if (taken.has(cache)) return cache.fork()
      taken.add(cache)
      return cache
    })
    for (const cache of this.#rows) if (!taken.has(cache)) cache.dispose()
    this.#rows = kept
  }

  /** Puts another in a row's place; the one before is freed, and this one from now on with the row. */
  replace(row: number, cache: KeyValueCache): void {
    this.#row('replace', row).dispose()
    this.#rows = this.#rows.map((other, i) => (i === row ? cache : other))
  }

  /**
   * Forgets what a row has from `length` positions on.
   *
   * @throws UsageError or StateError unless 0 ≤ length ≤ the positions of the row
   */
  truncate(row: number, length: number): void {
    this.#row('truncate', row).truncate(length)
  }

  /** Others that hold the same and go on by themselves; what both have so far is shared. */
  fork(): RowCaches {
    const other = new RowCaches(0)
    other.#rows = this.#rows.map((cache) => cache.fork())
    return other
  }

  dispose(): void {
    for (const cache of this.#rows) cache.dispose()
    this.#rows = []
  }

  #row(operation: string, row: number): KeyValueCache {
    const found = this.#rows[row]
    if (found !== undefined) return found
    throw new UsageError({
      operation: `RowCaches.${operation}`,
      expected: `rows from 0 to ${this.#rows.length - 1}`,
      found: String(row),
      hint: 'rows are numbered as they were kept last',
    })
  }
}

disposedByUsing(RowCaches)
