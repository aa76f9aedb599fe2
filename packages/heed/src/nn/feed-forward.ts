import { tap, watched } from '../observe/index.js'
import { activate, type Activation, gatedBy } from '../tensor/index.js'
import { linear, linears, type Linear, type Quantized } from './linear.js'
import { projectOut, type Residual, type Sequence } from './sequence.js'

/**
 * Two layers at each position, the wide one between them. With a `gate` it is a gated one: SwiGLU with the
 * activation 'silu', GeGLU with 'gelu' (Shazeer 2020, "GLU Variants Improve Transformer").
 */
export interface FeedForward {
  readonly up: Linear<'width', 'hidden'>
  readonly gate?: Linear<'width', 'hidden'>
  readonly down: Linear<'hidden', 'width'>
}

/** The activation of `feedForward`, and what happens at its end (`residual`, `dropout`). */
export interface FeedForwardOptions extends Residual {
  /** Default 'gelu'. */
  readonly activation?: Activation | undefined
}

/**
 * activation(x · up) · down (Vaswani et al. 2017, section 3.3), or (activation(x · gate) × (x · up)) · down.
 * Names: `preActivation`, `up` (where there is a gate), `hidden`, `output`.
 *
 * @throws ShapeError where sizes differ
 */
export function feedForward(
  parameters: Quantized<FeedForward>,
  x: Sequence,
  { activation = 'gelu', ...residual }: FeedForwardOptions = {},
): Sequence {
  const { up, gate, down } = parameters
  if (gate === undefined) {
    const hidden = watched('preActivation')
      ? activate(tap('preActivation', linear(up, x, 'width')), activation)
      : linear(up, x, 'width', { activation })
    return projectOut(down, tap('hidden', hidden), ['hidden'], residual)
  }
  const [opened, raised] = linears([gate, up], x, 'width')
  const gated = tap('preActivation', opened)
  const hidden = tap('hidden', gatedBy(tap('up', raised), gated, activation))
  return projectOut(down, hidden, ['hidden'], residual)
}
