/**
 * Named shapes: an ordered record of axis name to size, `{ batch: 2, head: 4, query: 7 }`. The order is the
 * order of insertion, and it is the physical order too: the last axis varies fastest.
 */
import { inWords } from './check.js'
import { ShapeError } from './errors.js'

/** An ordered record of named sizes. */
export type Shape<A extends string = string> = Readonly<Record<A, number>>

/** A shape holds fewer elements than this: an element's index is a non-negative 32-bit integer. */
export const maximumElements: number = 2 ** 31

/** The axis names, in order. */
export function axesOf<A extends string>(shape: Shape<A>): A[] {
  return Object.keys(shape) as A[]
}

/** How many elements a tensor of this shape holds; 1 for a scalar, which has no axes. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (const axis of Object.keys(shape)) size *= shape[axis]!
  return size
}

/** Whether both have the same axes with the same sizes in the same order. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  const axes = Object.keys(a)
  const others = Object.keys(b)
  if (axes.length !== others.length) return false
  for (let i = 0; i < axes.length; i++) {
    const axis = axes[i]!
    if (axis !== others[i] || a[axis] !== b[axis]) return false
  }
  return true
}

/** The shape in words, for messages: `batch 2, head 4, query 7`; `scalar` where there is no axis. */
export function describe(shape: Shape): string {
  const axes = Object.keys(shape)
  return axes.length === 0 ? 'scalar' : axes.map((axis) => `${axis} ${shape[axis]}`).join(', ')
}

/**
 * Checks a shape that came from outside, on behalf of `operation`. Sizes are integers of at least 0, and
 * their product stays below 2³¹. An axis has a name, which isn't a whole number (JavaScript would move it
 * to the front of the record) and isn't `__proto__`.
 *
 * @throws ShapeError with the axis at fault
 */
export function validateShape(operation: string, shape: Shape): void {
  if (typeof shape !== 'object' || shape === null || Array.isArray(shape)) {
    throw new ShapeError({
      operation,
      expected: 'a shape of named axes',
      found: inWords(shape),
      hint: 'write it as { batch: 2, width: 64 }',
    })
  }
  let size = 1
  for (const axis of Object.keys(shape)) {
    validateAxis(operation, axis)
    const length = shape[axis]!
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new ShapeError({
        operation,
        axis,
        expected: `axis '${axis}' to have an integer size of at least 0`,
        found: typeof length === 'number' ? String(length) : `a ${typeof length}`,
        hint: 'check how the size was computed',
      })
    }
    if (length > 0) size *= length
    if (size >= maximumElements) {
      throw new ShapeError({
        operation,
        axis,
        expected: `fewer than 2^31 elements (${maximumElements}), axes of size 0 left aside`,
        found: describe(shape),
        hint: 'split the work along an axis, for instance the batch',
      })
    }
  }
}

/** @throws ShapeError when `axis` can't name an axis (see validateShape) */
export function validateAxis(operation: string, axis: string): void {
  if (typeof axis !== 'string' || axis === '' || axis === '__proto__' || /^\d+$/.test(axis)) {
    throw new ShapeError({
      operation,
      axis: String(axis),
      expected: 'an axis name that is a word',
      found: typeof axis === 'string' ? `'${axis}'` : inWords(axis),
      hint: "name it for what it counts, such as 'batch' or 'key'",
    })
  }
}
