/**
 * Numbers in a typed array: what Float32Array, Float64Array, Int32Array, … have in common. (Of a union of
 * them the compiler can call some methods, and not others, such as `reduce`.)
 * `values instanceof Float32Array` tells which it is.
 */
export interface Values extends Iterable<number> {
  readonly length: number
  [index: number]: number

  readonly buffer: ArrayBufferLike
  readonly byteOffset: number
  readonly byteLength: number
  readonly BYTES_PER_ELEMENT: number

  at(index: number): number | undefined
  copyWithin(target: number, start: number, end?: number): this
  entries(): IterableIterator<[number, number]>
  every(predicate: (value: number, index: number) => unknown): boolean
  fill(value: number, start?: number, end?: number): this
  filter(predicate: (value: number, index: number) => unknown): Values
  find(predicate: (value: number, index: number) => unknown): number | undefined
  findIndex(predicate: (value: number, index: number) => unknown): number
  findLast(predicate: (value: number, index: number) => unknown): number | undefined
  findLastIndex(predicate: (value: number, index: number) => unknown): number
  forEach(work: (value: number, index: number) => void): void
  includes(value: number, start?: number): boolean
  indexOf(value: number, start?: number): number
  join(separator?: string): string
  keys(): IterableIterator<number>
  lastIndexOf(value: number, start?: number): number
  map(change: (value: number, index: number) => number): Values
  reduce(join: (before: number, value: number, index: number) => number): number
  reduce<T>(join: (before: T, value: number, index: number) => T, start: T): T
  reduceRight(join: (before: number, value: number, index: number) => number): number
  reduceRight<T>(join: (before: T, value: number, index: number) => T, start: T): T
  reverse(): this
  set(values: ArrayLike<number>, offset?: number): void
  slice(start?: number, end?: number): Values
  some(predicate: (value: number, index: number) => unknown): boolean
  sort(compare?: (a: number, b: number) => number): this
  subarray(start?: number, end?: number): Values
  toReversed(): Values
  toSorted(compare?: (a: number, b: number) => number): Values
  values(): IterableIterator<number>
  with(index: number, value: number): Values
  [Symbol.iterator](): IterableIterator<number>
}
