import type { Builder, ElementType, Float, Int, Mask, Pointer, Variable, Vector } from '../language/index.js'
import { goesPastCaches } from '../past-the-caches.js'

/** Rows of adjacent floats, evenly apart. */
export interface RowsOperand {
  /** Byte address of the first row. */
  readonly address: number
  /** Elements from a row's start to the next one's. */
  readonly stride: number
}

/** How many rows there are, and how many elements each has. */
export interface RowsShape {
  readonly rows: number
  readonly width: number
}

/** Elements that make one task: enough to be worth a thread's while, few enough to share out. */
const taskElements = 16384

/** How many rows make one task, by sizes alone. */
export function rowsPerTask({ width }: RowsShape): number {
  return Math.max(1, Math.floor(taskElements / Math.max(1, width)))
}

/** Whether rows that nothing has been written to go past the caches. */
export function rowsGoPast({ address, stride }: RowsOperand, { rows, width }: RowsShape): boolean {
  return goesPastCaches({ address, elements: rows * width, strides: [stride] })
}

/** Runs `body` for each row of a task. */
export function eachRow(k: Builder, task: Int, perTask: Int, rows: Int, body: (row: Int) => void): void {
  const first = task.mul(perTask)
  k.loop(first, first.add(perTask).min(rows), 1, body)
}

/** The pointer moved to the vector that a sweep has come to. */
export type Place = <E extends ElementType>(row: Pointer<E>) => Pointer<E>

/**
 * Goes along a row. A round calls `body` for `unroll` vectors, told apart by `u`, so that each may keep a
 * running result of its own. What is left comes afterwards with u = 0, the last vector masked.
 */
export function sweep(
  k: Builder,
  width: Int,
  unroll: 1 | 2 | 4,
  body: (place: Place, u: number, mask?: Mask) => void,
): void {
  const step = unroll * k.lanes
  const whole = width.and(-step)
  if (unroll > 1) {
    k.loop(0, whole, step, (i) => k.interleave(unroll, (u) => body((row) => row.at(i).at(u * k.lanes), u)))
    k.vectors(width.sub(whole), (i, mask) => body((row) => row.at(whole.add(i)), 0, mask))
  } else k.vectors(width, (i, mask) => body((row) => row.at(i), 0, mask))
}

/** `count` running vectors, each starting at `value`. */
export function running(k: Builder, count: number, value: number): Variable<'vector'>[] {
  return Array.from({ length: count }, () => k.variable(k.vector(value)))
}

/** All running vectors as one, joined pairwise. */
function join(variables: readonly Variable<'vector'>[], combine: (a: Vector, b: Vector) => Vector): Vector {
  let terms: Vector[] = variables.map((variable) => variable.get())
  while (terms.length > 1) {
    terms = Array.from({ length: terms.length / 2 }, (_, i) => combine(terms[2 * i]!, terms[2 * i + 1]!))
  }
  return terms[0]!
}

/** Bytes of scratch memory that `total` and `rowLargest` use: one vector. */
export const rowScratchBytes = 64

/** The sum of several running sums. */
export function total(k: Builder, variables: readonly Variable<'vector'>[]): Float {
  return throughMemory(
    k,
    join(variables, (a, b) => a.add(b)),
  ).sum()
}

/**
 * The same vector, written and read back: V8 makes 256-bit instructions of pairs of 128-bit ones only where
 * what they lead to is stored.
 */
function throughMemory(k: Builder, vector: Vector): Vector {
  const scratch = k.scratch('f32')
  k.store(scratch, vector)
  return k.load(scratch)
}

/** The vector, with `outside` in the lanes that are not of the row. */
export function within(vector: Vector, mask: Mask | undefined, outside: number): Vector {
  return mask === undefined ? vector : mask.select(vector, outside)
}

/**
 * The largest element of a row; −Infinity for an empty one. A NaN is ignored: whoever subtracts the result
 * from it meets it again.
 */
export function rowLargest(k: Builder, row: Pointer<'f32'>, width: Int): Float {
  const largest = running(k, 4, -Infinity)
  sweep(k, width, 4, (place, u, mask) => {
    const value = within(k.load(place(row), mask), mask, -Infinity)
    largest[u]!.set(largest[u]!.get().maxIgnoringNaN(value))
  })
  return throughMemory(
    k,
    join(largest, (a, b) => a.maxIgnoringNaN(b)),
  ).largestIgnoringNaN()
}

/**
 * What exponents are taken relative to: the largest element, or 0 where all are −Infinity (their difference
 * would be NaN).
 */
export function shiftFor(k: Builder, largest: Float): Float {
  return largest.eq(-Infinity).select(k.float(0), largest)
}
