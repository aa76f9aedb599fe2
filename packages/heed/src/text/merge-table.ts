import type { JsonReader } from '../base/index.js'
import { PairTable } from './pair-table.js'

/** Of a file: the largest that were published have two thirds. */
export const mostMerges: number = 3 * 2 ** 18

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

/**
 * The merges as the vocabulary spells them. Of a pair that comes several times the last counts, and it alone
 * is here.
 */
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

/**
 * Merges are pairs, or in older files strings with a space between. Where a pair comes twice, the last
 * counts.
 *
 * @param strict refuses a merge of tokens that the vocabulary lacks; else there is no table then
 */
export function readMerges(
  reader: JsonReader,
  vocabulary: ReadonlyMap<string, number>,
  strict: true,
): MergeTable
export function readMerges(
  reader: JsonReader,
  vocabulary: ReadonlyMap<string, number>,
  strict: boolean,
): MergeTable | undefined
export function readMerges(
  reader: JsonReader,
  vocabulary: ReadonlyMap<string, number>,
  strict: boolean,
): MergeTable | undefined {
  const merges = new MergeTableBuilder()
  let lacks = false
  const idOf = (token: string): number => {
    const id = vocabulary.get(token)
    if (id !== undefined) return id
    if (strict)
      reader.refuse('a merge of tokens that the vocabulary has', { found: `no '${token.slice(0, 100)}'` })
    lacks = true
    return -1
  }
  reader.list((index) => {
    if (index === mostMerges) reader.refuse(`one of at most ${mostMerges} merges`, { found: 'more' })
    let left = ''
    let right = ''
    if (reader.sees('"')) {
      const { at } = reader
      const merge = reader.string()
      if (merge.startsWith('#version')) return
      const space = merge.indexOf(' ')
      left = merge.slice(0, Math.max(0, space))
      right = merge.slice(space + 1)
      if (left === '' || right === '' || right.includes(' ')) reader.refuse('two tokens', { at })
    } else {
      const { at } = reader
      let parts = 0
      reader.list((part) => {
        if (part === 0) left = reader.string()
        else if (part === 1) right = reader.string()
        else reader.refuse('two tokens')
        parts++
      })
      if (parts !== 2 || left === '' || right === '') reader.refuse('two tokens', { at })
    }
    merges.push(idOf(left), idOf(right), idOf(left + right))
  })
  return lacks ? undefined : merges.build()
}
