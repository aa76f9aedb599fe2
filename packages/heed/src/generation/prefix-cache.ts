import { checkWhole, disposedByUsing } from '../base/index.js'
import type { KeyValueCache } from '../nn/index.js'

/** What a text begins with that is known. */
export interface KnownPrefix {
  /** How many of its ids. */
  readonly length: number
  /** What the model remembers of them; the caller's own. */
  readonly cache: KeyValueCache
}

/** To take less costs more than to compute it. */
const leastKnown = 8

interface Entry {
  readonly ids: readonly number[]
  readonly cache: KeyValueCache
  lastUsed: number
}

/**
 * What a model remembers of texts, from one decoding to the next: a prompt that begins as one before, or that
 * goes on from what was written, is not computed again as far as they agree. Of one model on one device.
 *
 * Holds at most so many bytes; what was not used for longest goes first. Lives until `dispose()`.
 */
export class PrefixCache {
  /** `using prefixes = …` frees it at the end of the block. */
  declare readonly [Symbol.dispose]: () => void
  readonly #most: number
  /** In the order of their ids. None is the beginning of another. */
  readonly #entries: Entry[] = []
  #clock = 0

  /**
   * @param options `bytes`: how much it holds at most; default 256 MiB
   * @throws UsageError unless `bytes` is a whole number from 0 on
   */
  constructor({ bytes = 2 ** 28 }: { readonly bytes?: number } = {}) {
    checkWhole('PrefixCache', 'bytes', bytes)
    this.#most = bytes
  }

  /** Texts in it. */
  get size(): number {
    return this.#entries.length
  }

  /** Bytes of memory that it holds, with what it shares with decodings that run. */
  get bytes(): number {
    const blocks = new Set<{ readonly bytes: number }>()
    for (const { cache } of this.#entries) for (const block of cache.blocks()) blocks.add(block)
    let sum = 0
    for (const { bytes } of blocks) sum += bytes
    return sum
  }

  /** The longest known beginning of these ids, of 8 to `most` ids. */
  find(ids: readonly number[], most: number = ids.length): KnownPrefix | undefined {
    const place = this.#placeOf(ids)
    // What agrees with it longest stands beside its place in the order.
    let [found, length] = [undefined as Entry | undefined, 0]
    for (const entry of [this.#entries[place - 1], this.#entries[place]]) {
      const common = entry === undefined ? 0 : Math.min(most, alike(entry.ids, ids))
      if (common > length) [found, length] = [entry, common]
    }
    if (found === undefined || length < leastKnown) return undefined
    found.lastUsed = ++this.#clock
    const cache = found.cache.fork()
    cache.truncate(length)
    return { length, cache }
  }

  /** Keeps what the model remembers of a text. The cache is this one's from now on. */
  add(ids: readonly number[], cache: KeyValueCache): void {
    const place = this.#placeOf(ids)
    const [before, after] = [this.#entries[place - 1], this.#entries[place]]
    if (ids.length === 0 || (after !== undefined && alike(after.ids, ids) === ids.length)) {
      if (after !== undefined) after.lastUsed = ++this.#clock
      cache.dispose() // the longer text has it
      return
    }
    const entry = { ids: [...ids], cache, lastUsed: ++this.#clock }
    const extended = before !== undefined && alike(before.ids, ids) === before.ids.length
    if (extended) before.cache.dispose()
    this.#entries.splice(extended ? place - 1 : place, extended ? 1 : 0, entry)
    while (this.#entries.length > 0 && this.bytes > this.#most) this.#dropOldest()
  }

  dispose(): void {
    for (const { cache } of this.#entries) cache.dispose()
    this.#entries.length = 0
  }

  #dropOldest(): void {
    let oldest = 0
    this.#entries.forEach(({ lastUsed }, i) => {
      if (lastUsed < this.#entries[oldest]!.lastUsed) oldest = i
    })
    this.#entries.splice(oldest, 1)[0]!.cache.dispose()
  }

  /** How many entries come before these ids. */
  #placeOf(ids: readonly number[]): number {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (comesBefore(this.#entries[middle]!.ids, ids)) low = middle + 1
      else high = middle
    }
    return low
  }
}

disposedByUsing(PrefixCache)

/** How many ids two texts begin with alike. */
export function alike(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  let same = 0
  while (same < most && a[same] === b[same]) same++
  return same
}

/** The order of texts: by the first id in which they differ; what another begins with comes before it. */
function comesBefore(a: readonly number[], b: readonly number[]): boolean {
  const same = alike(a, b)
  if (same === b.length) return false
  return same === a.length || a[same]! < b[same]!
}
