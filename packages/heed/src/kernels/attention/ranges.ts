import type { Builder, Int } from '../language/index.js'
import type { Separable } from './derivative.js'

/** Walks along an axis: the part of it that is this task's, one position (or `step` of them), or all. */
export type Range = (axis: Separable, length: Int, step: number, body: (i: Int) => void) => void

/**
 * The parts of a task among the product of the tasks along `axes`, innermost first. Ask once for each axis,
 * always in the same order.
 */
export function taskRanges(k: Builder, task: Int, axes: readonly Separable[]): Range {
  let rest = task
  return (axis, length, step, body) => {
    if (!axes.includes(axis)) {
      k.loop(0, length, step, body)
      return
    }
    const count = length.add(step - 1).div(step)
    const position = rest.rem(count).mul(step)
    rest = rest.div(count)
    body(position)
  }
}
