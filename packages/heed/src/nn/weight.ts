import { type RandomKey, ShapeError } from '../base/index.js'
import {
  type Activation,
  alone,
  type AnyTensor,
  dot,
  dropout,
  type QuantizedWeights,
  scope,
  type Tensor,
  together,
} from '../tensor/index.js'

/**
 * A weight as it is trained; quantized; or changed by a product of low rank. The last is trained, too: its
 * two narrow matrices are.
 */
export type Weight<A extends string> = UnchangedWeight<A> | LowRank<A>

/** A weight without a change of low rank. */
export type UnchangedWeight<A extends string> = Tensor<A> | QuantizedWeights<A>

/**
 * A weight with a change of low rank: base + scale × up · down (Hu et al. 2021, "LoRA: Low-Rank Adaptation of
 * Large Language Models", equation 3). Products with it never make the sum.
 */
export interface LowRank<A extends string = string> {
  readonly base: UnchangedWeight<A>
  /** Its axes are 'rank' and those that products with the weight sum over. */
  readonly down: Tensor
  /** Its axes are the weight's others, and 'rank'. */
  readonly up: Tensor
  readonly scale: number
  /** Of what goes into `down`, in this run. */
  readonly dropout?: { readonly rate: number; readonly key: RandomKey } | undefined
}

export function isQuantized<A extends string>(weight: Weight<A>): weight is QuantizedWeights<A> {
  return 'format' in weight
}

/** Whether something, such as a branch of a model, is a weight with a change of low rank. */
export function isLowRank<A extends string>(weight: Weight<A>): weight is LowRank<A>
export function isLowRank(value: unknown): value is LowRank
export function isLowRank(value: unknown): value is LowRank {
  return typeof value === 'object' && value !== null && 'base' in value && 'down' in value && 'up' in value
}

/**
 * The weight as a tensor, for what products alone can't do. A quantized one is written out anew, and so is
 * one with a change of low rank.
 */
export function plainWeight<A extends string>(weight: Weight<A>): Tensor<A> {
  if (isQuantized(weight)) return weight.operations.dequantize(weight)
  if (!isLowRank(weight)) return weight
  const { base, down, up, scale } = weight
  return scope(() => {
    const residual = plainWeight<A>(base) as AnyTensor as Tensor
    return dot(up, down, 'rank' as never, { scale, residual }) as AnyTensor as Tensor<A>
  })
}

/** Quantized weights whose products sum over these axes. */
export function summedOver<A extends string>(
  weights: QuantizedWeights<A>,
  over: string | readonly string[],
): QuantizedWeights<A> {
  const wanted = typeof over === 'string' ? [over] : over
  const own: readonly string[] = weights.over
  if (wanted.length === own.length && wanted.every((name) => own.includes(name))) return weights
  throw new ShapeError({
    operation: 'linear',
    expected: `weights quantized for sums over ${wanted.join(', ')}`,
    found: weights.describe(),
    hint: 'quantize them over these axes',
  })
}

/** What follows a product, in this order. */
export interface ProductOptions {
  readonly bias?: AnyTensor | undefined
  readonly activation?: Activation | undefined
  readonly residual?: AnyTensor | undefined
}

/** A weight, and what is added to its product. */
export interface WeightAndBias<A extends string> {
  readonly weight: Weight<A>
  readonly bias?: AnyTensor | undefined
}

/**
 * Products of `x` with several weights, summed over the axes in `over`, computed together. Where a weight has
 * a change of low rank, its product follows from two small ones behind.
 *
 * @throws ShapeError as `linear` does
 */
export function weightProducts<A extends string>(
  maps: readonly WeightAndBias<A>[],
  x: AnyTensor,
  over: string | readonly string[],
  options: Omit<ProductOptions, 'bias'> = {},
): AnyTensor[] {
  if (!maps.some(({ weight }) => isLowRank(weight))) {
    const all = (): AnyTensor[] =>
      maps.map(({ weight, bias }) => product(weight as UnchangedWeight<A>, x, over, { bias, ...options }))
    return maps.length === 1 ? all() : together(all)
  }
  return alone(() => {
    // What several weights share (as those do that files keep as one) is computed once.
    const narrowed = new Map<AnyTensor, AnyTensor>()
    const narrow = ({ down, dropout: dropped }: LowRank<A>): AnyTensor => {
      const known = narrowed.get(down)
      if (known !== undefined) return known
      const kept = dropped === undefined ? x : dropout(x as Tensor, dropped.rate, dropped.key)
      const made = product(down, kept, over, {})
      narrowed.set(down, made)
      return made
    }
    const first = together(() =>
      maps.map(({ weight, bias }) =>
        isLowRank(weight)
          ? { change: weight, narrow: narrow(weight), base: product(weight.base, x, over, { bias }) }
          : { change: undefined, base: product(weight, x, over, { bias, ...options }) },
      ),
    )
    return together(() =>
      first.map(({ change, base, narrow: inner }) =>
        change === undefined
          ? base
          : product(change.up, inner!, 'rank', { bias: base, ...options }, change.scale),
      ),
    )
  })
}

/** The product with one weight that has no change of low rank. */
function product<A extends string>(
  weight: UnchangedWeight<A>,
  x: AnyTensor,
  over: string | readonly string[],
  options: ProductOptions,
  scale?: number,
): AnyTensor {
  return isQuantized(weight)
    ? weight.operations.dot(x, summedOver(weight, over), options)
    : dot(x as never, weight as never, over as never, { ...options, scale, steady: true } as never)
}
