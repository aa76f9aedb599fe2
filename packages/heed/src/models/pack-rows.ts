/**
 * Lengths as rows of at most `capacity` in all, each row as numbers of lengths: the longest length first,
 * each where it leaves the least room (best fit decreasing). Of equals the first comes first.
 *
 * @param capacity not less than the longest length
 */
export function packRows(lengths: readonly number[], capacity: number): number[][] {
  const rows: number[][] = []
  const numbers = lengths.map((_, number) => number).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  // No row has more room than there is to fill.
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const free = new FreeRows(Math.min(capacity, total))
  for (const number of numbers) {
    const length = lengths[number]!
    const room = free.leastFrom(length)
    if (room < 0) {
      free.add(Math.min(capacity, total) - length, rows.length)
      rows.push([number])
    } else {
      const row = free.take(room)
      rows[row]!.push(number)
      free.add(room - length, row)
    }
  }
  return rows
}

/** Rows by the room that they have left. */
class FreeRows {
  readonly #rows = new Map<number, number[]>()
  /** A bit for each room that some row has. */
  readonly #bits: Uint32Array

  constructor(capacity: number) {
    this.#bits = new Uint32Array((capacity >> 5) + 1)
  }

  add(room: number, row: number): void {
    const rows = this.#rows.get(room)
    if (rows === undefined) this.#rows.set(room, [row])
    else rows.push(row)
    this.#bits[room >> 5]! |= 1 << (room & 31)
  }

  take(room: number): number {
    const rows = this.#rows.get(room)!
    const row = rows.pop()!
    if (rows.length === 0) {
      this.#rows.delete(room)
      this.#bits[room >> 5]! &= ~(1 << (room & 31))
    }
    return row
  }

  /** The least room that a row has and that is at least `room`; −1 where there is none. */
  leastFrom(room: number): number {
    const bits = this.#bits
    let word = room >> 5
    if (word >= bits.length) return -1
    let found = bits[word]! & (-1 << (room & 31))
    while (found === 0) {
      if (++word === bits.length) return -1
      found = bits[word]!
    }
    return 32 * word + 31 - Math.clz32(found & -found)
  }
}
