import { MergeTable } from './merge-table.js'

/**
 * Between which symbols of a word no merge can reach, so that what is left and right of there is encoded by
 * itself.
 *
 * A merge reaches across a place where its left token ends with the symbol before the place and its right
 * token begins with the one behind it. Tokens that can come out of one another are taken together, by the
 * symbol at their beginning, and at their end.
 */
export class SafeCuts {
  readonly #firsts: Int32Array
  readonly #lasts: Int32Array
  /** The last symbol of a left token, the first of a right one. */
  readonly #reached = new MergeTable(1 << 12)

  constructor(merges: MergeTable, highestId: number) {
    const { slots } = merges
    const firsts = Int32Array.from({ length: highestId + 1 }, (_, id) => id)
    const lasts = firsts.slice()
    for (let at = 0; at < slots.length; at += 4) {
      if (slots[at + 2] === 0) continue
      join(firsts, slots[at + 3]!, slots[at]!)
      join(lasts, slots[at + 3]!, slots[at + 1]!)
    }
    for (let id = 0; id <= highestId; id++) {
      firsts[id] = rootOf(firsts, id)
      lasts[id] = rootOf(lasts, id)
    }
    for (let at = 0; at < slots.length; at += 4)
      if (slots[at + 2] !== 0) this.#reached.set(lasts[slots[at]!]!, firsts[slots[at + 1]!]!, 0, 0)
    this.#firsts = firsts
    this.#lasts = lasts
  }

  /** What stands for all tokens that begin with the same symbol as this one. */
  firstOf(id: number): number {
    return this.#firsts[id]!
  }

  /** What stands for all tokens that end with the same symbol as this one. */
  lastOf(id: number): number {
    return this.#lasts[id]!
  }

  /**
   * Whether no merge reaches across the place behind `last` and before `first`, as they are taken together.
   */
  isSafe(last: number, first: number): boolean {
    return this.#reached.find(last, first) < 0
  }
}

/** The id that stands for all that were joined with this one. */
function rootOf(parents: Int32Array, id: number): number {
  while (parents[id] !== id) {
    const parent = parents[parents[id]!]!
    parents[id] = parent
    id = parent
  }
  return id
}

function join(parents: Int32Array, one: number, other: number): void {
  const a = rootOf(parents, one)
  const b = rootOf(parents, other)
  if (a !== b) parents[Math.max(a, b)] = Math.min(a, b)
}
