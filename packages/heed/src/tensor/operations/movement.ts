import { ShapeError, type Shape, validateShape } from '../../base/index.js'
import { allOrNothing } from '../scope.js'
import { currentTape, record } from '../tape.js'
import { axisNames, type Renamed, type Tensor } from '../tensor.js'
import { atView, mergeView, renameView, sliceView, splitView, viewOver } from '../view.js'
import { arrange } from './copy.js'

/**
 * The same elements under other axis names: `rename(x, { position: 'key' })`. A view: no copy.
 *
 * @throws ShapeError if an axis is missing, or two would have one name
 */
export function rename<A extends string, const R extends Partial<Record<A, string>>>(
  tensor: Tensor<A>,
  names: R,
): Tensor<Renamed<A, R>> {
  return record('rename', [tensor], renameView(tensor, names as Record<string, string>), names) as never
}

/**
 * One axis as several, the first outermost: `split(x, 'width', { head: 4, headWidth: 16 })`. A view: no copy.
 *
 * @throws ShapeError if the axis is missing, or its size is not the product of the sizes
 */
export function split<A extends string, F extends A, const S extends Readonly<Record<string, number>>>(
  tensor: Tensor<A>,
  axis: F,
  into: S,
): Tensor<Exclude<A, F> | (keyof S & string)> {
  return record('split', [tensor], splitView(tensor, axis, into), { axis, into: Object.keys(into) }) as never
}

/**
 * Several axes as one, the first outermost: `merge(x, ['head', 'headWidth'], 'width')`. A copy only where
 * they do not lie one inside the other.
 *
 * @throws ShapeError if an axis is missing or named twice, or two would have one name
 */
export function merge<A extends string, const F extends A, N extends string>(
  tensor: Tensor<A>,
  given: readonly F[],
  into: N,
): Tensor<Exclude<A, F> | N> {
  return allOrNothing(() => {
    const axes = (Array.isArray(given) ? given : axisNames('merge', given)) as readonly F[]
    const view = mergeView(tensor, axes, into)
    if (view === undefined)
      return merge(
        arrange(tensor, [
          ...tensor.axes.filter((name) => !axes.includes(name as F)),
          ...axes,
        ]) as never as Tensor<A>,
        axes,
        into,
      )
    const parts = Object.fromEntries(axes.map((name) => [name, tensor.size(name)]))
    return record('merge', [tensor], view, { into, parts }) as never
  })
}

/**
 * Positions start … end − 1 of an axis. A view: no copy.
 *
 * @throws ShapeError unless 0 ≤ start ≤ end ≤ the size of the axis
 */
export function slice<A extends string>(
  tensor: Tensor<A>,
  axis: NoInfer<A>,
  start: number,
  end: number,
): Tensor<A> {
  return record('slice', [tensor], sliceView(tensor, axis, start, end), { axis, start }) as never
}

/**
 * One position of an axis, which is gone from the result. A view: no copy.
 *
 * @throws ShapeError if there is no such position
 */
export function at<A extends string, F extends A>(
  tensor: Tensor<A>,
  axis: F,
  position: number,
): Tensor<Exclude<A, F>> {
  return record('at', [tensor], atView(tensor, axis, position), { axis, position }) as never
}

/**
 * Repeats the tensor along new axes without a copy: every position of a new axis is the same element.
 *
 * @throws ShapeError if the tensor has one of the axes with another size, or the result would be too large
 */
export function expand<A extends string, B extends string>(tensor: Tensor<A>, axes: Shape<B>): Tensor<A | B> {
  validateShape('expand', axes)
  validateShape('expand', { ...tensor.shape, ...axes })
  const added = Object.entries<number>(axes).filter(([name, size]) => {
    const present = tensor.layout.find((axis) => axis.name === name)
    if (present && present.size !== size) {
      throw new ShapeError({
        operation: 'expand',
        axis: name,
        expected: `size ${present.size}, which the tensor has`,
        found: String(size),
        hint: 'expand only along new axes',
      })
    }
    return !present
  })
  const layout = [...added.map(([name, size]) => ({ name, size, stride: 0 })), ...tensor.layout]
  return record(
    'expand',
    [tensor],
    viewOver(tensor, layout),
    added.map(([name]) => name),
  ) as never
}

/** The same elements, taken as constants: no gradient goes back through them. A view: no copy. */
export function stopGradient<A extends string>(tensor: Tensor<A>): Tensor<A> {
  currentTape()?.stop?.(tensor)
  return viewOver(tensor, tensor.layout) as never
}
