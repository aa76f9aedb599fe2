import type { RandomKey } from '../base/index.js'
import { tap, watched } from '../observe/index.js'
import { type AnyTensor, dropout, type Tensor } from '../tensor/index.js'
import { linear, type Linear } from './linear.js'
import type { Weight } from './weight.js'

/** What layers pass on: a vector of `width` numbers for each position; `A`: the batch axes. */
export type Sequence<A extends string = 'batch'> = Tensor<A | 'position' | 'width'>

/** While a model is trained: which share of the elements to drop, and from which stream the choice comes. */
export interface Dropout {
  /** At least 0, below 1. */
  readonly rate: number
  readonly key: RandomKey
}

/** The same of a block, or of a model: what each layer adds, and the filters of attention. */
export interface BlockDropout extends Dropout {
  /** The share of the filters' weights that is dropped: at least 0, below 1. Default 0. */
  readonly filter?: number | undefined
}

/**
 * What happens at the end of a layer that is half of a block: dropout, then the sum with the residual stream.
 */
export interface Residual<A extends string = never> {
  /** What the result is added to. */
  readonly residual?: Sequence<[A] extends [never] ? 'batch' : A> | undefined
  /**
   * Drops elements of the result before it is added (Srivastava et al. 2014; Vaswani et al. 2017, section
   * 5.4).
   */
  readonly dropout?: Dropout | undefined
}

/**
 * The last projection of a layer, under the name `output`; then dropout; then the residual. One fused
 * operation where nothing has to be seen or dropped between.
 */
export function projectOut<I extends string>(
  parameters: Linear<I, 'width', Weight<I | 'width'>>,
  x: Tensor<NoInfer<I> | 'batch' | 'position'>,
  over: readonly I[],
  { residual, dropout: wanted }: Residual,
): Sequence {
  const dropped = wanted?.rate === 0 ? undefined : wanted
  const project = (added?: Sequence): Sequence =>
    linear<I | 'batch' | 'position', I, 'width'>(parameters, x, over, {
      residual: added as never,
    }) as AnyTensor as Sequence
  if (residual !== undefined && dropped === undefined && !watched('output')) return project(residual)
  return addTo(residual, tap('output', project()), dropped)
}

/** residual + dropout(x) */
export function addTo(residual: Sequence | undefined, x: Sequence, dropped: Dropout | undefined): Sequence {
  const kept = dropped === undefined ? x : dropout(x, dropped.rate, dropped.key)
  return residual === undefined ? kept : residual.add(kept)
}
