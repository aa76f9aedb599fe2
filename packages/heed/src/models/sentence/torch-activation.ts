import type { JsonValue } from '../../base/index.js'
import type { Activation } from '../../tensor/index.js'

const activations: Readonly<Record<string, Activation | undefined>> = {
  Identity: undefined,
  Tanh: 'tanh',
  Sigmoid: 'sigmoid',
  ReLU: 'relu',
  GELU: 'gelu',
  SiLU: 'silu',
}

/**
 * The activation that a file names as Python does: `torch.nn.modules.activation.Tanh`. Undefined: none.
 *
 * @throws FormatError for another
 */
export function torchActivation(value: JsonValue): Activation | undefined {
  const name = value.string()
  const short = name.slice(name.lastIndexOf('.') + 1)
  if (name.startsWith('torch.') && Object.hasOwn(activations, short)) return activations[short]
  return value.refuse(`torch's ${Object.keys(activations).join(', ')}`, {
    found: JSON.stringify(name.slice(0, 100)),
  })
}
