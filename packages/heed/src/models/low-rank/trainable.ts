import { combine, foldIn, mapTree, partition, type PartOf, type RandomKey } from '../../base/index.js'
import { isModelLeaf, isModelWeight, type ModelLeaf, type ModelWeight } from '../../checkpoint/index.js'
import { isLowRank } from '../../nn/index.js'
import { isTensor } from '../../tensor/index.js'
import type { Adapter } from './low-rank.js'

/** A model cut into what is trained and what is not. */
export interface Trainable<M> {
  /** What is trained; undefined stands in the places of the rest. A `Trainer` takes it as its model. */
  readonly part: PartOf<M, ModelLeaf>
  /**
   * The whole model around such a part. With the context of a loss, what goes into changes of low rank is
   * dropped as the adapter says, while training.
   */
  readonly whole: (part: PartOf<M, ModelLeaf>, context?: DropContext) => M
}

/** Of a loss's context, what dropout needs. */
export interface DropContext {
  readonly key: RandomKey
  readonly training: boolean
}

/**
 * What is trained of a model: with changes of low rank these and what is trained whole beside them, else all
 * f32 tensors. Nothing else gets a gradient, or has an optimizer's state.
 *
 *     const { part, whole } = trainableOf(adapted)
 *     new Trainer({ model: part, loss: (own, batch, context) => loss(whole(own, context), batch), … })
 */
export function trainableOf<M>({
  model,
  adapter,
}: {
  readonly model: M
  readonly adapter?: Adapter | undefined
}): Trainable<M> {
  const trained = new Set(adapter?.trained)
  const [part, rest] = partition<M, ModelLeaf>(
    model,
    isModelLeaf,
    (leaf, path) =>
      isTensor(leaf) &&
      leaf.dtype === 'f32' &&
      (adapter === undefined || trained.has(path) || /\.weight\.(down|up)$/.test(path)),
  )
  const { dropout: rate = 0 } = adapter ?? {}
  return {
    part,
    whole(own, context) {
      const whole = combine<M, ModelLeaf>(own, rest, isModelLeaf)
      return rate > 0 && context?.training === true ? dropping(whole, rate, context.key) : whole
    },
  }
}

function dropping<M>(model: M, rate: number, key: RandomKey): M {
  const own = foldIn(key, 'low rank')
  return mapTree<M, ModelWeight>(model, isModelWeight, (weight, path) =>
    isLowRank(weight) ? { ...weight, dropout: { rate, key: foldIn(own, path) } } : weight,
  )
}
