import type { MergeTable } from './merge-table.js'

/** Up to so many symbols are looked over for the lowest rank; more go through a heap. */
const fewSymbols = 48

/**
 * Joins neighbouring symbols of a word: of all pairs that may merge those of the lowest rank do, the leftmost
 * first, until none may. Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with
 * Subword Units".
 */
export class PairMerger {
  readonly #merges: MergeTable
  readonly #heap = new RankHeap()
  readonly #orders = new Int32Array(fewSymbols)
  readonly #merged = new Int32Array(fewSymbols)

  constructor(merges: MergeTable) {
    this.#merges = merges
  }

  /**
   * Joins the first `count` symbols in place, and answers how many are left.
   *
   * @param lengths of each symbol, which are added up
   * @param barred ids that nothing becomes
   */
  merge(ids: Int32Array, lengths: Int32Array, count: number, barred: Uint8Array | undefined): number {
    if (count < 2) return count
    return count <= fewSymbols
      ? this.#mergeFew(ids, lengths, count, barred)
      : this.#mergeMany(ids, lengths, count, barred)
  }

  #mergeFew(ids: Int32Array, lengths: Int32Array, count: number, barred: Uint8Array | undefined): number {
    const merges = this.#merges
    const { slots } = merges
    const orders = this.#orders
    const merged = this.#merged
    for (let i = 1; i < count; i++) {
      const at = merges.find(ids[i - 1]!, ids[i]!)
      const isOpen = at >= 0 && (barred === undefined || barred[slots[at + 3]!] === 0)
      orders[i] = isOpen ? slots[at + 2]! : never
      merged[i] = isOpen ? slots[at + 3]! : -1
    }
    for (;;) {
      let lowest: number = never
      let right = 0
      for (let i = 1; i < count; i++) {
        if (orders[i]! >= lowest) continue
        lowest = orders[i]!
        right = i
      }
      if (right === 0) return count
      ids[right - 1] = merged[right]!
      lengths[right - 1] = lengths[right - 1]! + lengths[right]!
      count--
      for (let i = right; i < count; i++) {
        ids[i] = ids[i + 1]!
        lengths[i] = lengths[i + 1]!
        orders[i] = orders[i + 1]!
        merged[i] = merged[i + 1]!
      }
      for (let i = Math.max(1, right - 1); i <= right && i < count; i++) {
        const at = merges.find(ids[i - 1]!, ids[i]!)
        const isOpen = at >= 0 && (barred === undefined || barred[slots[at + 3]!] === 0)
        orders[i] = isOpen ? slots[at + 2]! : never
        merged[i] = isOpen ? slots[at + 3]! : -1
      }
    }
  }

  /** The order of a pair's merge; 0 where it has none. */
  #order(left: number, right: number, barred: Uint8Array | undefined): number {
    const { slots } = this.#merges
    const at = this.#merges.find(left, right)
    return at < 0 || (barred !== undefined && barred[slots[at + 3]!] !== 0) ? 0 : slots[at + 2]!
  }

  /** O(n log n) for n symbols. */
  #mergeMany(ids: Int32Array, lengths: Int32Array, count: number, barred: Uint8Array | undefined): number {
    const merges = this.#merges
    const { slots } = merges
    const heap = this.#heap
    // A list that is linked both ways: next is -1 at the end.
    const next = new Int32Array(count)
    const previous = new Int32Array(count)
    heap.reset(count)
    for (let i = 0; i < count; i++) {
      next[i] = i + 1 < count ? i + 1 : -1
      previous[i] = i - 1
      if (i + 1 < count) heap.push(this.#order(ids[i]!, ids[i + 1]!, barred), i)
    }
    while (heap.pop()) {
      const { position } = heap
      const right = next[position]!
      // What has changed since it was pushed is stale: a symbol that was merged away has id -1, which has no
      // merges.
      const at = right < 0 ? -1 : merges.find(ids[position]!, ids[right]!)
      if (at < 0 || slots[at + 2] !== heap.order) continue
      ids[position] = slots[at + 3]!
      lengths[position] = lengths[position]! + lengths[right]!
      ids[right] = -1
      const after = next[right]!
      const before = previous[position]!
      next[position] = after
      next[right] = -1
      if (after >= 0) {
        previous[after] = position
        heap.push(this.#order(ids[position]!, ids[after]!, barred), position)
      }
      if (before >= 0) heap.push(this.#order(ids[before]!, ids[position]!, barred), before)
    }
    let left = 0
    for (let i = 0; i >= 0; i = next[i]!) {
      ids[left] = ids[i]!
      lengths[left++] = lengths[i]!
    }
    return left
  }
}

const never = 0x7fffffff

/** Places by order, then position: the lowest first. */
class RankHeap {
  order: number = 0
  position: number = 0
  #keys = new Float64Array(128)
  #size = 0
  #places = 1

  reset(places: number): void {
    this.#size = 0
    this.#places = places
    // What a long word needed goes with the next one.
    if (this.#keys.length > 1 << 16) this.#keys = new Float64Array(128)
  }

  /** @param order 0: nothing to push */
  push(order: number, position: number): void {
    if (order === 0) return
    if (this.#size === this.#keys.length) {
      const longer = new Float64Array(2 * this.#size)
      longer.set(this.#keys)
      this.#keys = longer
    }
    const keys = this.#keys
    // Exact: order × places stays below 2^53 for any file and word that fit in memory.
    const key = order * this.#places + position
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (keys[parent]! <= key) break
      keys[at] = keys[parent]!
      at = parent
    }
    keys[at] = key
  }

  /** Takes the lowest away and leaves it in `order` and `position`; false where there is none. */
  pop(): boolean {
    if (this.#size === 0) return false
    const keys = this.#keys
    const top = keys[0]!
    const last = keys[--this.#size]!
    const size = this.#size
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && keys[child + 1]! < keys[child]!) child++
      if (keys[child]! >= last) break
      keys[at] = keys[child]!
      at = child
    }
    keys[at] = last
    this.order = Math.floor(top / this.#places)
    this.position = top - this.order * this.#places
    return true
  }
}
