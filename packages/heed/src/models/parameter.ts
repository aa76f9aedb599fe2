/**
 * What a model's parameters are before there are any: a tree of descriptions, from which an initialized model is made, or one
 * whose weights come from a file.
 */
import { foldIn, type RandomKey, type Shape } from '../base/index.js'
import { full, normal, type Tensor } from '../tensor/index.js'
import { mapTree } from '../base/index.js'

/** How a parameter starts: normally distributed with this standard deviation and mean 0, or all of one value. */
export type Initial = { readonly deviation: number } | { readonly value: number }

/** The description of one parameter. */
export class Parameter<A extends string = string> {
  readonly shape: Shape<A>
  readonly initial: Initial

  constructor(shape: Shape<A>, initial: Initial) {
    this.shape = shape
    this.initial = initial
  }
}

export function isParameter(value: unknown): value is Parameter {
  return value instanceof Parameter
}

/** The tree of tensors that a tree of descriptions describes. */
export type Described<D> =
  D extends Parameter<infer A>
    ? Tensor<A>
    : D extends readonly (infer E)[]
      ? readonly Described<E>[]
      : D extends object
        ? { readonly [K in keyof D]: Described<D[K]> }
        : D

/** Turns a tree type of tensors into that of its descriptions. */
export type DescriptionOf<M> =
  M extends Tensor<infer A>
    ? Parameter<A>
    : M extends readonly (infer E)[]
      ? readonly DescriptionOf<E>[]
      : M extends object
        ? { readonly [K in keyof M]: DescriptionOf<M[K]> }
        : M

/** The model that `description` describes, freshly initialized: each parameter from a stream of its own, named by its path. */
export function initialize<M>(description: DescriptionOf<M>, key: RandomKey): M {
  return mapTree(description as unknown, isParameter as never, (leaf: unknown, path: string) => {
    const { shape, initial } = leaf as Parameter
    return 'value' in initial
      ? full(shape, initial.value)
      : normal(foldIn(key, path), shape, initial.deviation)
  }) as M
}

/** How many numbers the parameters are. */
export function countParameters(description: unknown): number {
  let count = 0
  mapTree(description, isParameter, (leaf) => {
    count += Object.values(leaf.shape).reduce((product, size) => product * size, 1)
    return leaf
  })
  return count
}
