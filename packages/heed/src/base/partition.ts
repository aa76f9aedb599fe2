import { UsageError } from './errors.js'
import { type IsLeaf, mapTree, zipTrees } from './tree.js'

/**
 * A tree of the form of `M` in which leaves of type `T` may be left out: undefined stands in their places.
 */
export type PartOf<M, T> = M extends T
  ? M | undefined
  : M extends object
    ? { readonly [K in keyof M]: PartOf<M[K], T> }
    : M

/**
 * A tree cut into two of its form: the leaves that `chosen` says yes to, and the others. In the place of a
 * leaf that the other one has stands undefined. `combine` puts them together again.
 *
 *     const [trained, frozen] = partition(model, isTensor, (_, path) => path.startsWith('blocks.5.'))
 *     grad((part) => loss(combine(part, frozen, isTensor)))(trained)
 */
export function partition<M, T>(
  tree: M,
  isLeaf: IsLeaf<T>,
  chosen: (leaf: T, path: string) => boolean,
): readonly [PartOf<M, T>, PartOf<M, T>] {
  const half = (wanted: boolean): PartOf<M, T> =>
    mapTree<M, T>(tree, isLeaf, (leaf, path) =>
      chosen(leaf, path) === wanted ? leaf : (undefined as T),
    ) as PartOf<M, T>
  return [half(true), half(false)]
}

/**
 * The tree that two parts of one form make: each leaf from the one that has it.
 *
 * @throws UsageError where both have a leaf, or the two differ in form
 */
export function combine<M, T>(part: PartOf<M, T>, rest: PartOf<M, T>, isLeaf: IsLeaf<T>): M {
  const isPlace = (value: unknown): value is T | undefined => value === undefined || isLeaf(value)
  // Members that neither part has as a leaf, such as a bias that a model is without, stay undefined.
  return zipTrees<unknown, T | undefined>(part, rest, isPlace, (one, other, path) => {
    if (one !== undefined && other !== undefined)
      throw new UsageError({
        operation: 'combine',
        expected: `'${path}' in one of the two parts`,
        found: 'it in both',
        hint: 'give the two parts that partition made',
      })
    return one ?? other
  }) as M
}
