import { map, layerNorm, mean, rmsNorm, type Tensor } from '../tensor/index.js'
import { tap, watched } from '../observe/index.js'

/**
 * What a norm multiplies by and adds, along the axis (or all of the axes) that it normalizes. RMS norms have
 * no bias.
 */
export interface Norm<K extends string = 'width'> {
  readonly weight?: Tensor<K>
  readonly bias?: Tensor<K>
}

/** Which norm a model has. */
export interface NormOptions {
  /** Layer norm (Ba et al. 2016), or RMS norm (Zhang and Sennrich 2019); default layer. */
  readonly kind?: 'layer' | 'rms'
  /** Added to the variance, or to the mean square; default 1e-5 (layer), 1e-6 (rms). */
  readonly epsilon?: number
  /** RMS norm by 1 + weight, as Gemma has it. */
  readonly onePlus?: boolean
}

/**
 * Normalizes along an axis, or over several together: layer norm or RMS norm. Names: `scale`, what it divides
 * by, and `output`.
 *
 * @throws ShapeError if `x` or a parameter lacks an axis
 */
export function norm<A extends string, K extends A>(
  parameters: Norm<K>,
  x: Tensor<A>,
  axis: K | readonly K[],
  options: NormOptions = {},
): Tensor<A> {
  const output = watched('scale')
    ? stepByStep(parameters, x, axis, options)
    : fused(parameters, x, axis, options)
  return tap('output', output)
}

function fused<A extends string, K extends A>(
  { weight, bias }: Norm<K>,
  x: Tensor<A>,
  axis: K | readonly K[],
  { kind = 'layer', epsilon = defaultEpsilon(kind), onePlus = false }: NormOptions,
): Tensor<A> {
  return kind === 'layer'
    ? layerNorm(x, axis, { weight, bias, epsilon })
    : rmsNorm(x, axis, { weight, epsilon, onePlus })
}

/** The same from its definition, where somebody looks at the scale. */
function stepByStep<A extends string, K extends A>(
  { weight, bias }: Norm<K>,
  x: Tensor<A>,
  axis: K | readonly K[],
  { kind = 'layer', epsilon = defaultEpsilon(kind), onePlus = false }: NormOptions,
): Tensor<A> {
  const centred = kind === 'layer' ? x.sub(mean(x, axis)) : x
  const meanSquare = mean(
    map((v) => v.mul(v), centred),
    axis,
  )
  const scale = tap(
    'scale',
    map((v) => v.add(epsilon).sqrt(), meanSquare),
  )
  let y: Tensor<A> = centred.div(scale)
  if (weight !== undefined) y = onePlus && kind === 'rms' ? y.mul(weight.add(1)) : y.mul(weight)
  return bias === undefined || kind === 'rms' ? y : y.add(bias)
}

function defaultEpsilon(kind: 'layer' | 'rms'): number {
  return kind === 'layer' ? 1e-5 : 1e-6
}
