import { mapTree, UsageError, zipTrees } from '../../base/index.js'
import { isModelLeaf, isModelWeight, type ModelWeight } from '../../checkpoint/index.js'
import { isLowRank, plainWeight } from '../../nn/index.js'
import { isTensor } from '../../tensor/index.js'
import { type Adaptable, changedModel } from './low-rank.js'

/**
 * A model with its changes of low rank added to the weights, which are f32 then, also where they were
 * quantized. It runs as fast as one without changes. What has no change is shared with `adapted`.
 */
export function mergeLowRank<L extends Adaptable>(adapted: L): Omit<L, 'adapter'> {
  return changedModel(adapted, { model: mergedTree(adapted.model), adapter: undefined })
}

/** A model's tree with f32 weights in the places of those with changes of low rank. */
export function mergedTree<M>(model: M): M {
  return mapTree<M, ModelWeight>(model, isModelWeight, (weight) =>
    isLowRank(weight) ? plainWeight(weight) : weight,
  )
}

/**
 * The reverse of `mergeLowRank`: a merged model with the changes of `adapted` taken out of its weights again,
 * and beside them. Up to rounding, its weights are those from before the merge.
 *
 * @param adapted a model with these changes; of its other weights nothing is taken
 * @throws UsageError where the two are models of different forms
 */
export function unmergeLowRank<L extends Adaptable>(merged: Adaptable, adapted: L): L {
  const model = zipTrees<unknown, ModelWeight>(
    adapted.model,
    merged.model,
    isModelWeight,
    (weight, whole, path) => {
      if (!isLowRank(weight)) return whole
      if (!isModelLeaf(whole) || !isTensor(whole))
        throw new UsageError({
          operation: 'unmergeLowRank',
          expected: `an f32 weight at '${path}'`,
          found: isLowRank(whole) ? 'one with a change of low rank' : 'a quantized one',
          hint: 'give the model that mergeLowRank gave',
        })
      return { ...weight, base: plainWeight({ ...weight, base: whole, scale: -weight.scale }) }
    },
  )
  return changedModel(adapted, { model })
}
