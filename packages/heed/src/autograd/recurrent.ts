import { type CellAttributes, cellGradient } from '../tensor/index.js'
import type { GradientRule } from './rule.js'

/** Rows of the table for the steps of recurrent cells. */
export const recurrentGradients: Record<string, GradientRule> = {
  lstmCell({ inputs, attributes }, gradient, wanted) {
    return cellGradient('lstmCell', inputs, gradient, attributes as CellAttributes, wanted)
  },
  gruCell({ inputs, attributes }, gradient, wanted) {
    return cellGradient('gruCell', inputs, gradient, attributes as CellAttributes, wanted)
  },
}
