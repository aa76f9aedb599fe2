import type { CheckpointConfig } from '../checkpoint/index.js'
import type { Activation } from '../tensor/index.js'

/** What the hub calls activations. */
const names: Readonly<Record<string, Activation>> = {
  relu: 'relu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_python: 'gelu',
  quick_gelu: 'gelu-quick',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
}

/**
 * The activation that a field names.
 *
 * @throws FormatError for one that heed doesn't know
 */
export function activationOf(config: CheckpointConfig, field: string, absent: string): Activation {
  const given = config.field(field)
  return names[given.isNull ? absent : given.choice(Object.keys(names))]!
}

/** The activation that the hub calls so; undefined where heed knows none. */
export function activationNamed(name: string): Activation | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined
}
