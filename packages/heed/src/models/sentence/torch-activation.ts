import { type JsonValue, UsageError } from '../../base/index.js'
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

/** An activation as such a file names it. */
export function torchActivationName(activation: Activation | undefined): string {
  if (activation === undefined) return 'torch.nn.modules.linear.Identity'
  const found = Object.entries(activations).find(([, one]) => one === activation)
  if (found !== undefined) return `torch.nn.modules.activation.${found[0]}`
  throw new UsageError({
    operation: 'saveSentenceEncoder',
    expected: `an activation that torch has a module of: ${Object.values(activations).filter(Boolean).join(', ')}`,
    found: activation,
    hint: 'train with another one',
  })
}
