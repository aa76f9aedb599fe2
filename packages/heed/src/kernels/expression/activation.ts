import { type Expression, float, make } from './expression.js'
import type { GateName } from './operation.js'

type Float = Expression<'float'>

const gate =
  (name: GateName) =>
  (x: Float): Float =>
    make('float', name, [x])

/** Activation functions by name, as functions of one number. */
export const activations: Readonly<Record<Activation, (x: Float) => Float>> = {
  /** max(x, 0), with gradient 0 at 0; NaN stays. */
  relu: (x) => x.le(0).select(float(0), x),
  /** x Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016). */
  gelu: gate('gelu'),
  /** Its approximation by tanh, as GPT-2 has it: x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2. */
  'gelu-tanh': gate('geluTanh'),
  /** x σ(1.702 x), as CLIP has it. */
  'gelu-quick': gate('geluQuick'),
  /** x σ(x), also called swish. */
  silu: gate('silu'),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
}
/** The functions that an `activation` option names. */
export type Activation = 'relu' | 'gelu' | 'gelu-tanh' | 'gelu-quick' | 'silu' | 'tanh' | 'sigmoid'
