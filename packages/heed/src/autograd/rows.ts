import {
  type CrossEntropyAttributes,
  crossEntropyGradient,
  type NormAttributes,
  normGradients,
  type SoftmaxAttributes,
  softmaxGradient,
} from '../tensor/index.js'
import { gradients } from './table.js'

// Rows of the table for operations along rows: softmax, logSoftmax, layerNorm, rmsNorm, crossEntropy.

gradients.softmax = ({ output, attributes }, gradient) => [
  softmaxGradient('softmax', output, gradient, attributes as SoftmaxAttributes),
]

gradients.logSoftmax = ({ output, attributes }, gradient) => [
  softmaxGradient('logSoftmax', output, gradient, attributes as SoftmaxAttributes),
]

/** Of x, then of weight and bias where there are. */
gradients.layerNorm = ({ inputs, attributes }, gradient, wanted) =>
  normGradients(inputs, gradient, attributes as NormAttributes, wanted)

/** Of x, then of weight where there is one. */
gradients.rmsNorm = ({ inputs, attributes }, gradient, wanted) =>
  normGradients(inputs, gradient, attributes as NormAttributes, wanted)

/** Of the logits: targets are whole numbers. */
gradients.crossEntropy = ({ inputs, attributes }, gradient) => [
  crossEntropyGradient(inputs[0]!, gradient, attributes as CrossEntropyAttributes),
]
