import {
  type CrossEntropyAttributes,
  crossEntropyGradient,
  type NormAttributes,
  normGradients,
  type SoftmaxAttributes,
  softmaxGradient,
  type UnitLengthAttributes,
  unitLengthGradient,
} from '../tensor/index.js'
import type { GradientRule } from './rule.js'

const softmaxRule =
  (operation: 'softmax' | 'logSoftmax'): GradientRule =>
  ({ output, attributes }, gradient) => [
    softmaxGradient(operation, output, gradient, attributes as SoftmaxAttributes),
  ]

/** Of x, then of weight and bias where there are. */
const normRule: GradientRule = ({ inputs, attributes }, gradient, wanted) =>
  normGradients(inputs, gradient, attributes as NormAttributes, wanted)

/** Rows of the table for what works along rows: softmax, norms, cross-entropy. */
export const rowGradients: Record<string, GradientRule> = {
  softmax: softmaxRule('softmax'),
  logSoftmax: softmaxRule('logSoftmax'),
  layerNorm: normRule,
  rmsNorm: normRule,
  unitLength({ inputs: [x], attributes }, gradient) {
    return [unitLengthGradient(x!, gradient, attributes as UnitLengthAttributes)]
  },
  /** Of the logits: targets are whole numbers. */
  crossEntropy({ inputs: [logits], attributes }, gradient) {
    return [crossEntropyGradient(logits!, gradient, attributes as CrossEntropyAttributes)]
  },
}
