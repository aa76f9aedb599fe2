import { checkWhole, disposedByUsing, ShapeError, StateError, UsageError } from '../base/index.js'
import { input, planNarrow, type StoredFloat } from '../kernels/index.js'
import {
  alone,
  type AnyTensor,
  arrange,
  axisOf,
  copy,
  emptyArranged,
  execute,
  keep,
  mapInto,
  physicalOrder,
  slice,
  storedBytes,
  type Tensor,
  together,
  tracked,
  viewOver,
} from '../tensor/index.js'

export type Key = Tensor<'batch' | 'head' | 'key' | 'width'>

/** Positions for which there is room at first. */
const firstRoom = 64

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
   * @throws UsageError unless 0 ≤ length ≤ the positions in it
   */
  truncate(length: number): void {
    for (const layer of this.#layers) layer.truncate(length)
  }

  dispose(): void {
    for (const layer of this.#layers) layer.dispose()
    this.#layers.length = 0
  }
}

disposedByUsing(KeyValueCache)

/** Keys and values of one layer. */
export class LayerCache {
  readonly #keys: Growing
  readonly #values: Growing
  #context: { readonly key: Key; readonly value: Key } | undefined

  constructor({ dtype = 'f32' }: CacheOptions = {}) {
    this.#keys = new Growing('keys', dtype)
    this.#values = new Growing('values', dtype)
  }

  /** Positions in it. */
  get length(): number {
    return this.#keys.length
  }

  /**
   * Adds the keys and values of the positions that follow; gives those of all positions.
   *
   * @throws StateError where a gradient is wanted: training sees whole sequences
   * @throws ShapeError if batch, heads or width are not as before
   */
  append(key: Key, value: Key): { readonly key: Key; readonly value: Key } {
    refuseGradient(key, value)
    return together(() => ({ key: this.#keys.append(key), value: this.#values.append(value) }))
  }

  /**
   * The keys and values of another sequence, computed the first time and remembered.
   *
   * @throws StateError where a gradient is wanted
   */
  context(compute: () => { readonly key: Key; readonly value: Key }): {
    readonly key: Key
    readonly value: Key
  } {
    if (this.#context === undefined) {
      const { key, value } = compute()
      refuseGradient(key, value)
      this.#context = keep({ key, value })
    }
    return this.#context
  }

  truncate(length: number): void {
    this.#keys.truncate(length)
    this.#values.truncate(length)
  }

  dispose(): void {
    this.#keys.dispose()
    this.#values.dispose()
    this.#context?.key.dispose()
    this.#context?.value.dispose()
    this.#context = undefined
  }
}

function refuseGradient(key: Key, value: Key): void {
  if (!tracked([key, value])) return
  throw new StateError({
    operation: 'cache',
    expected: 'a step without a gradient',
    found: 'a gradient wanted through the cache',
    hint: 'leave the cache out in training',
  })
}

/**
 * A tensor that grows along its axis 'key', with room for more than it holds. What is given out are views of
 * what it holds now.
 */
class Growing {
  readonly #name: string
  readonly #dtype: StoredFloat
  #room: Key | undefined
  length = 0

  constructor(name: string, dtype: StoredFloat) {
    this.#name = name
    this.#dtype = dtype
  }

  append(added: Key): Key {
    const count = added.size('key')
    const room = this.#reserve(added, this.length + count)
    write(added, room, this.length)
    this.length += count
    return slice(room, 'key', 0, this.length)
  }

  truncate(length: number): void {
    checkWhole('cache.truncate', 'length', length)
    if (length > this.length)
      throw new StateError({
        operation: 'cache.truncate',
        expected: `at most ${this.length}, the positions in the cache`,
        found: String(length),
        hint: 'a cache can only forget',
      })
    if (length === this.length) return
    this.length = length
    // What was given out before may still be in use: new positions must not overwrite it.
    if (this.#room?.storage.shared) this.#move(this.#make(this.#room, this.#room.size('key')))
  }

  dispose(): void {
    this.#room?.dispose()
    this.#room = undefined
    this.length = 0
  }

  #reserve(like: Key, needed: number): Key {
    const room = this.#room
    if (room === undefined) return (this.#room = this.#make(like, Math.max(firstRoom, needed)))
    for (const { name, size } of room.layout) {
      if (name !== 'key' && axisOf('cache', like, name).size !== size)
        throw new ShapeError({
          operation: 'cache',
          axis: name,
          expected: `${this.#name} with axis '${name}' of size ${size}, as before`,
          found: like.describe(),
          hint: 'use a cache for one batch and one model, and another for the next',
        })
    }
    if (needed <= room.size('key')) return room
    return this.#move(this.#make(like, Math.max(2 * room.size('key'), needed)))
  }

  /** To another room. */
  #move(to: Key): Key {
    const from = this.#room!
    const held = slice(from, 'key', 0, this.length)
    alone(() => write(held, to, 0)) // it is freed below
    held.dispose()
    from.dispose()
    return (this.#room = to)
  }

  /** Room for so many positions; the positions of a head lie one after the other, as attention reads them. */
  #make(like: Key, positions: number): Key {
    const order = [...like.axes.filter((name) => name !== 'key' && name !== 'width'), 'key', 'width']
    const shape = Object.fromEntries(
      order.map((name) => [name, name === 'key' ? positions : axisOf('cache', like, name).size]),
    )
    const room = keep(emptyArranged(like.device, this.#dtype, shape)) as AnyTensor as Key
    room.storage.changing = true
    return room
  }
}

const same = input(0)

/** Writes positions into the room, from `start` on. Nobody has a view of those yet. */
function write(from: Key, room: Key, start: number): void {
  const count = from.size('key')
  if (count === 0) return
  const axis = axisOf('cache', room, 'key')
  const { dtype } = room
  if (dtype === 'f16' || dtype === 'bf16') return writeNarrow(from, room, start, dtype)
  const target = viewOver(
    room,
    room.layout.map((other) => (other === axis ? { ...axis, size: count } : other)),
    room.offset + start * axis.stride,
  )
  mapInto('cache', [same], [from], [target])
  target.dispose()
}

/** The same, rounded: the positions of a head lie one after the other in the room. */
function writeNarrow(from: Key, room: Key, start: number, element: 'f16' | 'bf16'): void {
  const order = physicalOrder(room)
  const lying = from.dtype === 'f32' ? arrange(from, order) : copy(from, 'f32', order)
  const width = axisOf('cache', room, 'width').size
  const length = from.size('key') * width
  const bytes = storedBytes(room.device, element)
  execute(room.device, () =>
    planNarrow({
      element,
      stretches: length === 0 ? 0 : from.elements / length,
      length,
      source: lying.address,
      sourceStep: length,
      target: room.address + start * width * bytes,
      targetStep: axisOf('cache', room, 'key').size * width,
    }),
  )
  lying.dispose()
}
