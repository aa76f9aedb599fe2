import {
  type ConcatAttributes,
  type DropoutAttributes,
  dropoutGradient,
  type GatherAttributes,
  scatterAdd,
  slice,
  type Tensor,
} from '../tensor/index.js'
import type { GradientRule } from './rule.js'

/** Rows of the table for what picks, joins and drops elements. */
export const gatherGradients: Record<string, GradientRule> = {
  gather({ inputs: [table], attributes }, gradient) {
    return [scatterAdd(gradient, table!, attributes as GatherAttributes)]
  },
  concat({ inputs, attributes }, gradient, wanted) {
    const { axis } = attributes as ConcatAttributes
    let start = 0
    return inputs.map((input) => {
      const end = start + input.layout.find(({ name }) => name === axis)!.size
      const part = wanted(input) ? (slice(gradient, axis, start, end) as Tensor) : undefined
      start = end
      return part
    })
  },
  dropout({ attributes }, gradient) {
    return [dropoutGradient(gradient, attributes as DropoutAttributes)]
  },
}
