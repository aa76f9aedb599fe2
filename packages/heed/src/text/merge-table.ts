import { PairTable } from './pair-table.js'

/** The merges of a model as token ids, by rank: `lefts[rank]` and `rights[rank]` become `merged[rank]`. */
export interface MergeTable {
  readonly lefts: Int32Array
  readonly rights: Int32Array
  readonly merged: Int32Array
}

/** Collects merges one after the other. */
export class MergeTableBuilder {
  #lefts = new Int32Array(1024)
  #rights = new Int32Array(1024)
  #merged = new Int32Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(left: number, right: number, merged: number): void {
    if (this.#length === this.#lefts.length) {
      this.#lefts = doubled(this.#lefts)
      this.#rights = doubled(this.#rights)
      this.#merged = doubled(this.#merged)
    }
    this.#lefts[this.#length] = left
    this.#rights[this.#length] = right
    this.#merged[this.#length++] = merged
  }

  build(): MergeTable {
    const length = this.#length
    return {
      lefts: this.#lefts.slice(0, length),
      rights: this.#rights.slice(0, length),
      merged: this.#merged.slice(0, length),
    }
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * array.length)
  longer.set(array)
  return longer
}

/** The merges as the vocabulary spells them. Of a pair that comes several times the last counts, and it alone is here. */
export function spelledMerges(
  { lefts, rights }: MergeTable,
  vocabulary: ReadonlyMap<string, number>,
): (readonly [left: string, right: string])[] {
  const tokens: string[] = []
  for (const [token, id] of vocabulary) tokens[id] = token
  const last = new PairTable(lefts.length)
  lefts.forEach((left, rank) => last.set(left, rights[rank]!, rank))
  const merges: (readonly [string, string])[] = []
  lefts.forEach((left, rank) => {
    const right = rights[rank]!
    if (last.get(left, right) === rank) merges.push([tokens[left]!, tokens[right]!])
  })
  return merges
}
