import {
  type AttentionAttributes,
  attentionGradient,
  disposeOwned,
  maskedProductsGradients,
  type ScoresAttributes,
  scoresGradient,
  weightedSumGradients,
} from '../tensor/index.js'
import type { GradientRule } from './rule.js'

export const attentionGradients: Record<string, GradientRule> = {
  /**
   * Query, key, value, the sink and the captured f32 tensors, from scores computed anew (Dao et al. 2022,
   * algorithm 4).
   */
  attention({ attributes }, gradient, wanted) {
    const kept = attributes as AttentionAttributes
    const parts = attentionGradient(kept, gradient, wanted)
    disposeOwned(kept.largest)
    disposeOwned(kept.inverseSum)
    return parts
  },

  attentionScores({ inputs: [products], attributes }, gradient, wanted) {
    return scoresGradient(attributes as ScoresAttributes, products!, gradient, wanted)
  },

  maskedProducts({ inputs: [query, key] }, gradient, wanted) {
    return maskedProductsGradients(query!, key!, gradient, wanted)
  },

  weightedSum({ inputs: [weights, values] }, gradient, wanted) {
    return weightedSumGradients(weights!, values!, gradient, wanted)
  },
}
