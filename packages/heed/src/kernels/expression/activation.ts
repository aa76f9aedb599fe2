import type { Expression } from './expression.js'

type Float = Expression<'float'>

function logistic(v: Float): Float {
  return v.mul(0.5).tanh().mul(0.5).add(0.5)
}

/** Activation functions by name, as functions of one number. */
export const activations: Readonly<Record<Activation, (x: Float) => Float>> = {
  relu: (x) => x.gt(0).select(x, 0),
  /** x Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016). */
  gelu: (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5),
  /** Its approximation by tanh, as GPT-2 has it. */
  'gelu-tanh': (x) =>
    x.mul(0.5).mul(
      x
        .add(x.mul(x).mul(x).mul(0.044715))
        .mul(Math.sqrt(2 / Math.PI))
        .tanh()
        .add(1),
    ),
  /** x σ(1.702 x), as CLIP has it. */
  'gelu-quick': (x) => x.mul(logistic(x.mul(1.702))),
  /** x σ(x), also called swish. */
  silu: (x) => x.mul(logistic(x)),
  tanh: (x) => x.tanh(),
  sigmoid: logistic,
}
/** The functions that an `activation` option names. */
export type Activation = 'relu' | 'gelu' | 'gelu-tanh' | 'gelu-quick' | 'silu' | 'tanh' | 'sigmoid'
