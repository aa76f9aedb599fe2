import type { Initializer } from '../../nn/index.js'
import { normal } from '../../tensor/index.js'

/** Of embeddings and positions. */
const ofTables = 0.02

/**
 * Weights of models that see, before training: normal, of matrices with a deviation of 1 / √inputs, so that
 * what a layer gives is as large as what it reads, of tables with 0.02 (Radford et al. 2021, the code of
 * CLIP).
 */
export const scaledInitializer: Initializer = (key, shape, inputs) =>
  normal(key, shape, 'vocabulary' in shape || 'position' in shape ? ofTables : inputs ** -0.5)
