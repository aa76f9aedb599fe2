import { checkWhole, ShapeError, StateError } from '../base/index.js'
import { type Appended, input, planNarrow, type StoredFloat } from '../kernels/index.js'
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
  type Stretch,
  storedBytes,
  type Tensor,
  viewOver,
} from '../tensor/index.js'

export type Key = Tensor<'batch' | 'head' | 'key' | 'width'>

/** Positions for which there is room at first. */
const firstRoom = 64

/** Memory for positions, which several may read: each what stands there up to its own length. */
interface Room {
  readonly tensor: Key
  /** Positions that anybody has written. */
  written: number
  /** How many read it. */
  owners: number
}

/** @throws UsageError or StateError unless `length` is at most the `held` positions */
export function checkForgotten(length: number, held: number): void {
  checkWhole('cache.truncate', 'length', length)
  if (length <= held) return
  throw new StateError({
    operation: 'cache.truncate',
    expected: `at most ${held}, the positions in the cache`,
    found: String(length),
    hint: 'a cache can only forget',
  })
}

/**
 * A tensor that grows along its axis 'key', with room for more than it holds. What is given out are views of
 * what it holds now. Several may share a room: who first writes behind what they share goes on in place, and
 * the others move when they write.
 */
export class Growing {
  readonly #name: string
  readonly #dtype: StoredFloat
  #room: Room | undefined
  /** The layout that was found to fit last. */
  #met: Key['layout'] | undefined
  length = 0

  constructor(name: string, dtype: StoredFloat) {
    this.#name = name
    this.#dtype = dtype
  }

  append(added: Key): Key {
    const count = added.size('key')
    const room = this.#reserve(added, count)
    write(added, room.tensor, this.length)
    this.#hold(room, count)
    return slice(room.tensor, 'key', 0, this.length)
  }

  /** What was added last; undefined where nothing was. */
  last(): Key | undefined {
    return this.#room === undefined || this.length === 0
      ? undefined
      : slice(this.#room.tensor, 'key', this.length - 1, this.length)
  }

  /** Room for `count` positions more, which the caller writes where it says; and then all positions. */
  extend(like: Key, count: number): { readonly stretch: Stretch<AxesOfKey>; readonly place: Target } {
    const room = this.#reserve(like, count)
    const [head, row] = [
      axisOf('cache', room.tensor, 'head').stride,
      axisOf('cache', room.tensor, 'key').stride,
    ]
    const place = {
      target: room.tensor.address + this.length * row * storedBytes(like.device, this.#dtype),
      targetHead: head,
      targetRow: row,
    }
    this.#hold(room, count)
    return { stretch: { tensor: room.tensor, start: 0, length: this.length }, place }
  }

  truncate(length: number): void {
    checkForgotten(length, this.length)
    this.length = length
  }

  /** Forgets all but these positions, in ascending order from 0, and moves up those that stay. */
  keepPositions(kept: readonly number[]): void {
    const room = this.#room
    if (room === undefined) return
    const to = this.#make(room.tensor, Math.max(firstRoom, kept.length))
    for (let first = 0; first < kept.length;) {
      let end = first + 1
      while (end < kept.length && kept[end] === kept[end - 1]! + 1) end++
      const run = slice(room.tensor, 'key', kept[first]!, kept[end - 1]! + 1)
      const start = first
      alone(() => write(run, to.tensor, start))
      run.dispose()
      first = end
    }
    leave(room)
    this.#room = to
    this.length = to.written = kept.length
  }

  /** Another that holds the same. */
  fork(): Growing {
    const other = new Growing(this.#name, this.#dtype)
    other.length = this.length
    other.#room = this.#room
    if (this.#room !== undefined) this.#room.owners++
    return other
  }

  /** The block that it holds, by identity, and its bytes. */
  get block(): { readonly bytes: number } | undefined {
    return this.#room?.tensor.storage
  }

  dispose(): void {
    leave(this.#room)
    this.#room = undefined
    this.#met = undefined
    this.length = 0
  }

  #hold(room: Room, count: number): void {
    this.length += count
    room.written = this.length
  }

  /** The room, with place for `count` positions more that nobody reads. */
  #reserve(like: Key, count: number): Room {
    const needed = this.length + count
    const room = this.#room
    if (room === undefined) return (this.#room = this.#make(like, Math.max(firstRoom, needed)))
    const { tensor } = room
    if (like.layout !== this.#met) this.#check(like, tensor)
    const size = tensor.size('key')
    // What was given out before, or others hold, may still be in use: it must not be overwritten.
    const free = room.written <= this.length || (room.owners === 1 && !tensor.storage.shared)
    if (free && needed <= size) return room
    if (!free) return this.#move(this.#make(like, Math.max(firstRoom, 2 ** Math.ceil(Math.log2(needed)))))
    return this.#move(this.#make(like, Math.max(2 * size, needed)))
  }

  /** @throws ShapeError unless it has the sizes of the room, but for the positions */
  #check(like: Key, { layout }: Key): void {
    for (const { name, size } of layout) {
      if (name !== 'key' && axisOf('cache', like, name).size !== size)
        throw new ShapeError({
          operation: 'cache',
          axis: name,
          expected: `${this.#name} with axis '${name}' of size ${size}, as before`,
          found: like.describe(),
          hint: 'use a cache for one batch and one model, and another for the next',
        })
    }
    this.#met = like.layout
  }

  /** To another room. */
  #move(to: Room): Room {
    const from = this.#room!
    const held = slice(from.tensor, 'key', 0, this.length)
    alone(() => write(held, to.tensor, 0)) // it may be freed below
    held.dispose()
    leave(from)
    return (this.#room = to)
  }

  /** Room for so many positions; the positions of a head lie one after the other, as attention reads them. */
  #make(like: Key, positions: number): Room {
    const order = [...like.axes.filter((name) => name !== 'key' && name !== 'width'), 'key', 'width']
    const shape = Object.fromEntries(
      order.map((name) => [name, name === 'key' ? positions : axisOf('cache', like, name).size]),
    )
    const tensor = keep(emptyArranged(like.device, this.#dtype, shape)) as AnyTensor as Key
    tensor.storage.changing = true
    return { tensor, written: 0, owners: 1 }
  }
}

type AxesOfKey = 'batch' | 'head' | 'key' | 'width'
/** Where appended positions go. */
type Target = Pick<Appended, 'target' | 'targetHead' | 'targetRow'>

function leave(room: Room | undefined): void {
  if (room !== undefined && --room.owners === 0) room.tensor.dispose()
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
