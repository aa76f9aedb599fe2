import { ShapeError, UsageError, inWords } from '../../base/index.js'
import { float, input, normStatistics, planNorm, planNormBackward } from '../../kernels/index.js'
import { arranged, physicalOrder, sameDevice } from '../layout.js'
import { outputOf, planKeyOf, prepare, preparedFor, runPrepared } from '../prepared.js'
import { record, tracked, withTape } from '../tape.js'
import { allOrNothing, scope } from '../scope.js'
import { type AnyTensor, axisOf, type Tensor, axisNames } from '../tensor.js'
import { viewOver } from '../view.js'
import type { Similarity } from './attention-function.js'
import { map, mapMany, type Scalar, square } from './elementwise.js'
import { merge, split } from './movement.js'
import { reduceExpression, sum } from './reduction.js'
import { alongAxis, rowTensor, rowsLike } from './rows.js'

/** What a layer norm multiplies by and adds, each along the axis that it normalizes. */
export interface LayerNormOptions<K extends string> {
  readonly weight?: Tensor<K> | undefined
  readonly bias?: Tensor<K> | undefined
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number | undefined
}

/**
 * Weight and epsilon of `rmsNorm`. The weight has the axes that are normalized; without one, rows have a root
 * mean square of 1.
 */
export interface RmsNormOptions<K extends string> {
  readonly weight?: Tensor<K> | undefined
  /** Added to the mean square; default 1e-6. */
  readonly epsilon?: number | undefined
  /** Multiplies by 1 + weight (Gemma). */
  readonly onePlus?: boolean | undefined
}

/**
 * What the gradients of `layerNorm` and `rmsNorm` need beside the inputs (x, then weight and bias where there
 * are).
 */
export interface NormAttributes {
  readonly operation: 'layerNorm' | 'rmsNorm'
  readonly axis: string
  readonly onePlus: boolean
  readonly weight: AnyTensor | undefined
  readonly bias: AnyTensor | undefined
  /** What the forward pass kept of each row. */
  readonly statistics: Tensor
}

/**
 * (x − mean) / sqrt(variance + epsilon) × weight + bias, along an axis or over several together (Ba et al.
 * 2016, "Layer Normalization", eq. 4). Weight and bias have all of the axes that are normalized. The variance
 * is that of the distances from the mean.
 *
 * @throws ShapeError if x lacks an axis, or weight or bias does not lie along these alone
 * @throws DtypeError if one of them is not f32
 * @throws UsageError if epsilon is negative or no number
 */
export function layerNorm<A extends string, K extends A>(
  x: Tensor<A>,
  axis: K | readonly K[],
  { weight, bias, epsilon = 1e-5 }: LayerNormOptions<K> = {},
): Tensor<A> {
  return normalizeOver('layerNorm', x, axis, { weight, bias, epsilon, onePlus: false }) as never
}

/**
 * x / sqrt(mean(x²) + epsilon) × weight along an axis, or over several together (Zhang and Sennrich 2019,
 * "Root Mean Square Layer Normalization", eq. 4). Gradient: the row `rmsNorm` of the table.
 *
 * @throws ShapeError if x lacks an axis, or weight does not lie along these alone
 * @throws DtypeError if one of them is not f32
 * @throws UsageError if epsilon is negative or no number
 */
export function rmsNorm<A extends string, K extends A>(
  x: Tensor<A>,
  axis: K | readonly K[],
  { weight, epsilon = 1e-6, onePlus = false }: RmsNormOptions<K> = {},
): Tensor<A> {
  return normalizeOver('rmsNorm', x, axis, { weight, bias: undefined, epsilon, onePlus }) as never
}

/**
 * x / max(|x|, 1e-12) along an axis: rows of length 1, for cosines. A row of zeros stays so, with gradient
 * gradient × 1e12.
 */
export function unitLength<A extends string>(x: Tensor<A>, axis: NoInfer<A>): Tensor<A> {
  return allOrNothing(() => {
    const result = withTape(undefined, () => {
      const squares = sum(square(x), axis)
      const unit = map((value: Scalar, length: Scalar) => value.mul(length.max(1e-24).rsqrt()), x, squares)
      squares.dispose()
      return unit
    })
    return record('unitLength', [x], result, { axis } satisfies UnitLengthAttributes) as never
  })
}

/** Of queries and keys of length 1: the cosine of the angle between them, in −1 … 1, to rounding. */
export const cosineSimilarity: Similarity = {
  name: 'cosine',
  scale: 1,
  prepare: (x) => unitLength(x, 'width'),
}

export interface UnitLengthAttributes {
  readonly axis: string
}

/**
 * The gradient of x: (g − u (u · g)) / |x| with u = x / |x|. A row whose gradient is 0 gets 0, whatever it
 * holds: it is one that nobody looked at. Not recorded: for gradients.
 */
export function unitLengthGradient(
  x: AnyTensor,
  gradient: AnyTensor,
  { axis }: UnitLengthAttributes,
): Tensor {
  const [value, given, squares, along] = [input(0), input(1), input(2), input(3)]
  const lengths = reduceExpression('sum', input(0).square(), [x], [axis])
  const taken = input(1)
    .ne(0)
    .select(input(0).mul(input(1)), float(0))
  const products = reduceExpression('sum', taken, [x, gradient], [axis])
  const factor = squares.max(1e-24).rsqrt()
  const turned = value.mul(along).mul(factor.square())
  const inner = squares.gt(1e-24).select(turned, float(0))
  const nothing = given.eq(0).and(along.eq(0))
  const expression = nothing.select(float(0), given.sub(inner).mul(factor))
  const [result] = mapMany('unitLength', [expression], [x, gradient, lengths, products])
  lengths.dispose()
  products.dispose()
  return result!
}

interface NormInputs {
  readonly weight: AnyTensor | undefined
  readonly bias: AnyTensor | undefined
  readonly epsilon: number
  readonly onePlus: boolean
}

/**
 * Several axes as one, in the order in which they lie in memory: a view where they lie one inside the other.
 */
function normalizeOver(
  operation: NormAttributes['operation'],
  x: AnyTensor,
  over: string | readonly string[],
  options: NormInputs,
): Tensor {
  return allOrNothing(() => {
    if (typeof over === 'string') return normalize(operation, x, over, options)
    if (!Array.isArray(over)) axisNames(operation, over)
    const axes = over.map((name) => axisOf(operation, x, name))
    if (axes.length === 0 || new Set(axes).size !== axes.length)
      throw new ShapeError({
        operation,
        expected: 'at least one axis to normalize over, each once',
        found: over.join(', ') || 'none',
        hint: "name them as ['height', 'width', 'channel']",
      })
    for (const [name, parameter] of [
      ['weight', options.weight],
      ['bias', options.bias],
    ] as const)
      if (parameter !== undefined) checkAlong(operation, name, parameter, axes)
    if (over.length === 1) return normalize(operation, x, over[0]!, options)
    const order = physicalOrder(x).filter((name) => over.includes(name))
    const joined = order.join(' × ')
    const join = (tensor: AnyTensor): Tensor => merge(tensor as Tensor, order, joined)
    return scope(() => {
      const { weight, bias } = options
      const rows = normalize(operation, join(x), joined, {
        ...options,
        weight: weight && join(weight),
        bias: bias && join(bias),
      })
      const apart = split(
        rows,
        joined,
        Object.fromEntries(order.map((name) => [name, axes.find((axis) => axis.name === name)!.size])),
      )
      const layout = x.layout.map(({ name }) => axisOf(operation, apart, name))
      return record('rename', [apart], viewOver(apart, layout), {})
    })
  })
}

function checkAlong(
  operation: string,
  name: string,
  parameter: AnyTensor,
  axes: readonly { readonly name: string; readonly size: number }[],
): void {
  const fits =
    parameter.layout.length === axes.length &&
    axes.every((axis) => parameter.layout.some((own) => own.name === axis.name && own.size === axis.size))
  if (fits) return
  throw new ShapeError({
    operation,
    expected: `${name} with the axes ${axes.map((axis) => `${axis.name} ${axis.size}`).join(', ')} alone`,
    found: (parameter as Tensor).describe(),
    hint: 'give it those that are normalized over',
  })
}

function normalize(
  operation: NormAttributes['operation'],
  x: AnyTensor,
  axis: string,
  options: NormInputs,
): Tensor {
  const { epsilon, onePlus } = options
  if (!(typeof epsilon === 'number' && epsilon >= 0 && epsilon < Infinity))
    throw new UsageError({
      operation,
      expected: 'epsilon to be a number of at least 0',
      found: inWords(epsilon),
      hint: 'leave it out for the default',
    })
  const weight = alongAxis(operation, 'weight', options.weight, x, axis)
  const bias = alongAxis(operation, 'bias', options.bias, x, axis)
  const source = rowTensor(operation, x, axis)
  const inputs: Tensor[] = [source.tensor]
  if (weight !== undefined) inputs.push(weight.tensor)
  if (bias !== undefined) inputs.push(bias.tensor)
  const device = sameDevice(operation, inputs)
  const watched = tracked(inputs)
  const form = { centered: operation === 'layerNorm', onePlus }
  const given = `${weight !== undefined} ${bias !== undefined} ${onePlus} ${watched}`
  const key = planKeyOf(`${operation} ${given} ${axis}`, inputs)
  const { rows, width } = source
  const prepared =
    preparedFor(device, key) ??
    prepare(
      device,
      key,
      [
        rowsLike(source),
        ...(watched ? [arranged('f32', { row: rows, statistic: normStatistics(form) })] : []),
      ],
      6,
      (values) =>
        planNorm({
          ...form,
          rows,
          width,
          x: { address: values[0]!, stride: source.stride },
          output: { address: values[1]!, stride: width },
          weight: weight && values[2],
          bias: bias && values[3],
          epsilon: values[4]!,
          statistics: watched ? values[5] : undefined,
        }),
    )
  const output = outputOf(device, prepared, 0)
  const statistics = watched ? outputOf(device, prepared, 1) : undefined
  runPrepared(device, prepared, [
    source.tensor.address,
    output.address,
    weight?.tensor.address ?? 0,
    bias?.tensor.address ?? 0,
    epsilon,
    statistics?.address ?? 0,
  ])
  source.release()
  weight?.release()
  bias?.release()
  if (statistics === undefined) return output
  const attributes: NormAttributes = {
    operation,
    axis,
    onePlus,
    weight: weight?.tensor,
    bias: bias?.tensor,
    statistics,
  }
  return record(operation, inputs, output, attributes)
}

/** The gradients of a norm's inputs, in their order. Not recorded: for gradients. */
export function normGradients(
  inputs: readonly AnyTensor[],
  gradient: AnyTensor,
  { operation, axis, onePlus, weight, bias, statistics }: NormAttributes,
  wanted: (input: AnyTensor) => boolean,
): (Tensor | undefined)[] {
  const x = inputs[0]!
  const source = rowTensor(operation, x, axis)
  const upstream = rowTensor(operation, gradient, axis, source.order)
  const { device } = x
  const wants = [x, weight, bias].map((input) => input !== undefined && wanted(input))
  const [forX, forWeight, forBias] = wants
  const form = { centered: operation === 'layerNorm', onePlus }
  const key = planKeyOf(
    `${operation}Backward ${wants.join(' ')} ${weight !== undefined} ${onePlus} ${axis}`,
    [source.tensor, upstream.tensor],
  )
  const { rows, width } = source
  const prepared =
    preparedFor(device, key) ??
    prepare(
      device,
      key,
      [
        ...(forX ? [rowsLike(source)] : []),
        ...[forWeight, forBias].flatMap((want) => (want ? [arranged('f32', { [axis]: width })] : [])),
      ],
      7,
      (values, allocate) =>
        planNormBackward({
          ...form,
          rows,
          width,
          x: { address: values[0]!, stride: source.stride },
          gradient: { address: values[1]!, stride: upstream.stride },
          weight: weight && values[2],
          statistics: values[3]!,
          xGradient: forX ? { address: values[4]!, stride: width } : undefined,
          weightGradient: forWeight ? values[5] : undefined,
          biasGradient: forBias ? values[6] : undefined,
          floatBytes: device.floatBytes,
          allocate,
        }),
    )
  let made = 0
  const [xGradient, weightGradient, biasGradient] = wants.map((want) =>
    want ? outputOf(device, prepared, made++) : undefined,
  )
  runPrepared(device, prepared, [
    source.tensor.address,
    upstream.tensor.address,
    weight?.address ?? 0,
    statistics.address,
    xGradient?.address ?? 0,
    weightGradient?.address ?? 0,
    biasGradient?.address ?? 0,
  ])
  source.release()
  upstream.release()
  statistics.dispose()
  return [xGradient, ...(weight ? [weightGradient] : []), ...(bias ? [biasGradient] : [])]
}
