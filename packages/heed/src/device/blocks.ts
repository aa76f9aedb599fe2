/** Every block is a multiple of this many bytes, and begins at one. */
const unit = 64
/**
 * Lists of free blocks: so many to each power of two, so that the blocks of one differ by a sixteenth at
 * most.
 */
const listBits = 4
const lists = (28 - listBits) << listBits
/** So many blocks of the wanted size's own list are looked at before a larger one is taken. */
const mostLooks = 16
/** Kept aside at most: this many bytes, or this share of what is in use. */
const [asideBytes, asideShare] = [2 ** 20, 1 / 8]

type State = 'used' | 'aside' | 'free'

interface Block {
  readonly address: number
  bytes: number
  state: State
  /** Its neighbours in memory. */
  before: Block | undefined
  after: Block | undefined
  /** Its neighbours in the list of free blocks. */
  previous: Block | undefined
  next: Block | undefined
}

/**
 * Who has which part of a range of addresses.
 *
 * - A freed block is first put aside for the next request of the same size, as a repeated step makes it. That
 *   request finds it without a search and still in the caches.
 * - Other requests are cut from free blocks. Free neighbours are joined. Lists by size with a map of bits
 *   find a block that is hardly larger (two-level segregated fit: Masmano, Ripoll, Crespo and Real, 2004).
 * - Before the range in use grows, blocks put aside are joined too, if they are much.
 *
 * So what is lost is bounded, whatever the order of sizes. The same calls give the same addresses.
 */
export class Blocks {
  /** Every block, by its address. */
  readonly #blocks = new Map<number, Block>()
  readonly #aside = new Map<number, Block[]>()
  readonly #heads: (Block | undefined)[] = Array.from({ length: lists }, () => undefined)
  /** Which lists hold something. */
  readonly #filled = new Int32Array(lists / 32)
  #last: Block | undefined
  #top: number
  #used = 0
  #count = 0
  #asideBytes = 0
  #peak = 0

  /** Addresses from `first` on, a multiple of 64. */
  constructor(first: number) {
    this.#top = first
  }

  /** Bytes of the blocks in use, how many these are, and the most bytes there were. */
  get used(): number {
    return this.#used
  }
  get count(): number {
    return this.#count
  }
  get peak(): number {
    return this.#peak
  }
  resetPeak(): void {
    this.#peak = this.#used
  }
  /** Where the last block ends. */
  get top(): number {
    return this.#top
  }

  /** The address of at least `bytes` bytes; undefined where they would end behind `limit`. */
  allocate(bytes: number, limit: number): number | undefined {
    const size = Math.max(unit, Math.ceil(bytes / unit) * unit)
    let block = this.#aside.get(size)?.pop()
    if (block !== undefined) this.#asideBytes -= size
    else {
      block = this.#cut(size)
      if (block === undefined && this.#asideBytes > Math.max(asideBytes, this.#used * asideShare)) {
        this.#joinAside()
        block = this.#cut(size)
      }
      block ??= this.#extend(size, limit)
      if (block === undefined && this.#asideBytes > 0) {
        this.#joinAside()
        block = this.#cut(size) ?? this.#extend(size, limit)
      }
      if (block === undefined) return undefined
    }
    block.state = 'used'
    this.#count++
    this.#used += size
    if (this.#used > this.#peak) this.#peak = this.#used
    return block.address
  }

  /** False where no block in use begins at `address`. */
  free(address: number): boolean {
    const block = this.#blocks.get(address)
    if (block === undefined || block.state !== 'used') return false
    const { bytes } = block
    this.#count--
    this.#used -= bytes
    block.state = 'aside'
    this.#asideBytes += bytes
    const list = this.#aside.get(bytes)
    if (list === undefined) this.#aside.set(bytes, [block])
    else list.push(block)
    return true
  }

  /** The largest wish that could be met without more memory than up to `limit`. */
  largest(limit: number): number {
    this.#joinAside()
    let most = Math.max(0, Math.floor((limit - this.#top) / unit) * unit)
    for (const head of this.#heads)
      for (let block = head; block !== undefined; block = block.next) most = Math.max(most, block.bytes)
    return most
  }

  /**
   * A block of `size` out of the free ones: of the same list one that suffices, else the first of the next
   * list.
   */
  #cut(size: number): Block | undefined {
    const own = listOf(size)
    let found = this.#heads[own]
    for (let looks = 1; found !== undefined && found.bytes < size; looks++)
      found = looks < mostLooks ? found.next : undefined
    found ??= this.#heads[this.#nextFilled(own + 1)]
    if (found === undefined) return undefined
    this.#unlist(found)
    if (found.bytes > size) {
      const rest = this.#insert(found.address + size, found.bytes - size, found)
      found.bytes = size
      this.#list(rest)
    }
    return found
  }

  /** A block behind all others. */
  #extend(size: number, limit: number): Block | undefined {
    const address = this.#top
    if (address + size > limit) return undefined
    this.#top = address + size
    return this.#insert(address, size, this.#last)
  }

  /** A new block behind `before`. */
  #insert(address: number, bytes: number, before: Block | undefined): Block {
    const after = before?.after
    const block: Block = {
      address,
      bytes,
      state: 'free',
      before,
      after,
      previous: undefined,
      next: undefined,
    }
    if (before !== undefined) before.after = block
    if (after === undefined) this.#last = block
    else after.before = block
    this.#blocks.set(address, block)
    return block
  }

  /** Takes `block`, whose bytes the one before it gets. */
  #remove(block: Block): void {
    const { before, after } = block
    if (before !== undefined) before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    this.#blocks.delete(block.address)
  }

  /** Frees what was put aside: each joins its free neighbours, and what then ends the range leaves it. */
  #joinAside(): void {
    for (const list of this.#aside.values()) for (const block of list) this.#join(block)
    this.#aside.clear()
    this.#asideBytes = 0
  }

  #join(freed: Block): void {
    let block = freed
    block.state = 'free'
    const { before, after } = block
    if (after?.state === 'free') {
      this.#unlist(after)
      block.bytes += after.bytes
      this.#remove(after)
    }
    if (before?.state === 'free') {
      this.#unlist(before)
      before.bytes += block.bytes
      this.#remove(block)
      block = before
    }
    if (block !== this.#last) return this.#list(block)
    this.#top = block.address
    this.#remove(block)
  }

  #list(block: Block): void {
    const list = listOf(block.bytes)
    const head = this.#heads[list]
    block.next = head
    if (head !== undefined) head.previous = block
    this.#heads[list] = block
    this.#filled[list >> 5]! |= 1 << (list & 31)
  }

  #unlist(block: Block): void {
    const { previous, next } = block
    if (next !== undefined) next.previous = previous
    if (previous !== undefined) previous.next = next
    else {
      const list = listOf(block.bytes)
      this.#heads[list] = next
      if (next === undefined) this.#filled[list >> 5]! &= ~(1 << (list & 31))
    }
    block.previous = block.next = undefined
  }

  /** The first list from `list` on that holds something; else one that there isn't. */
  #nextFilled(list: number): number {
    let bits = (this.#filled[list >> 5] ?? 0) & (-1 << (list & 31))
    for (let word = list >> 5; word < this.#filled.length; bits = this.#filled[++word] ?? 0)
      if (bits !== 0) return 32 * word + 31 - Math.clz32(bits & -bits)
    return lists
  }
}

/** The list of free blocks of this size; larger ones are in the same list or a later one. */
function listOf(bytes: number): number {
  const units = bytes / unit
  const shift = Math.max(0, 31 - Math.clz32(units) - listBits)
  return (shift << listBits) + (units >>> shift)
}
