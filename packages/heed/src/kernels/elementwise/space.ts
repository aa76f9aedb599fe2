import type { ElementType } from '../language/index.js'

/**
 * A tensor as an elementwise kernel meets it: where it starts and how far apart neighbours lie along each
 * axis of the space.
 */
export interface StridedOperand {
  /** Byte address of the first element. */
  readonly address: number
  readonly element: ElementType
  /** In elements, one for each axis of the space; 0 along axes that it lacks. */
  readonly strides: readonly number[]
}

/**
 * The axes that an elementwise operation runs over, outermost first. `named` axes are asked for by
 * `index(name)`.
 */
export interface Space {
  readonly sizes: readonly number[]
  readonly names: readonly string[]
}

/** An axis of a simplified space with each operand's stride along it. */
export interface SpaceAxis {
  readonly size: number
  readonly name: string
  readonly strides: readonly number[]
}

/**
 * The same space with as few axes as possible: axes of size 1 are dropped, and neighbours are joined where
 * every operand's stride allows it. Axes in `apart` stay as they are, since their position is asked for.
 */
export function simplifySpace(
  space: Space,
  operands: readonly StridedOperand[],
  apart: ReadonlySet<string>,
): SpaceAxis[] {
  const axes: SpaceAxis[] = []
  for (let i = 0; i < space.sizes.length; i++) {
    const size = space.sizes[i]!
    const name = space.names[i]!
    if (size === 1 && !apart.has(name)) continue
    const axis: SpaceAxis = { size, name, strides: operands.map(({ strides }) => strides[i]!) }
    const last = axes[axes.length - 1]
    if (
      last &&
      !apart.has(name) &&
      !apart.has(last.name) &&
      last.strides.every((stride, operand) => stride === axis.strides[operand]! * size)
    ) {
      axes[axes.length - 1] = { size: last.size * size, name, strides: axis.strides }
    } else axes.push(axis)
  }
  return axes
}

/**
 * How an operand moves along the axis that vectors run over: with it, not at all, or in steps of more than
 * one element.
 */
export type Step = 'with' | 'fixed' | 'apart'
export function stepOf(stride: number): Step {
  return stride === 1 ? 'with' : stride === 0 ? 'fixed' : 'apart'
}
