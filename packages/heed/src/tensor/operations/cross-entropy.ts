import { checkNames, DtypeError, inWords, ShapeError, UsageError } from '../../base/index.js'
import {
  crossEntropyStatistics,
  input,
  parameter,
  planCrossEntropy,
  planCrossEntropyBackward,
} from '../../kernels/index.js'
import { values } from '../create.js'
import { arranged, isRowMajor, sameDevice } from '../layout.js'
import { outputOf, planKeyOf, prepare, preparedFor, runPrepared } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record, tracked } from '../tape.js'
import { type AnyTensor, axisOf, type Tensor } from '../tensor.js'
import { arrange } from './copy.js'
import { countedOver } from './count.js'
import { reduceExpression } from './reduction.js'
import { alongAxis, rowTensor, rowsLike } from './rows.js'

/** Which targets of `crossEntropy` count, how much each class weighs, and how labels are smoothed. */
export interface CrossEntropyOptions<K extends string = string> {
  /** Rows with this target count neither in the sum nor in the mean, and get gradient 0; default −100. */
  readonly ignore?: number | undefined
  /**
   * The share s of the target that is spread evenly over all classes, 0 … 1; default 0 (Szegedy et al. 2016,
   * section 7).
   */
  readonly labelSmoothing?: number | undefined
  /**
   * How much each class weighs, along the axis of classes, at least 0: the rare ones more, say. The mean is
   * then the sum of the weighted losses over the sum of the targets' weights. A constant: it gets no
   * gradient. Default 1 each.
   */
  readonly classWeights?: Tensor<K> | undefined
}

type Options = CrossEntropyOptions & { readonly reduction?: 'mean' | 'sum' | 'none' | undefined }
const known: Record<keyof Options, true> = {
  ignore: true,
  labelSmoothing: true,
  classWeights: true,
  reduction: true,
}
const optionNames: readonly string[] = Object.keys(known)

/** What the gradient of `crossEntropy` needs beside the logits. */
export interface CrossEntropyAttributes {
  readonly axis: string
  /** i32, adjacent, in the order of the logits' rows. */
  readonly targets: Tensor
  readonly ignore: number
  readonly smoothing: number
  /** f32, adjacent, in the order of the classes; undefined where all weigh 1. */
  readonly weights: { readonly tensor: Tensor; readonly mean: number } | undefined
  /** What the losses were multiplied by before they were added; undefined where each row has its own. */
  readonly factor: number | undefined
  /** What the forward pass kept of each row. */
  readonly statistics: Tensor
}

/**
 * −ln softmax(logits)[target] along `axis`, with labels smoothed: (1 − s) × that + s × the mean of −ln
 * softmax over the classes. Where classes have weights, what is said of a class is multiplied by its own (as
 * PyTorch's cross_entropy has it). Its mean over the rows that are not ignored, by the weight of their
 * targets (0 where all are ignored), their sum, or each row's own (0 where ignored). Targets are class
 * numbers, i32, along the other axes of the logits. Log-probabilities are never written: forward keeps two
 * numbers a row, backward writes the gradient in one pass. Gradient: the row `crossEntropy`.
 *
 * @throws ShapeError if an axis is missing, targets do not have the other axes of the logits, or weights do
 * not lie along the classes alone
 * @throws DtypeError unless logits and weights are f32 and targets i32
 * @throws UsageError if a target is neither a class nor `ignore`, an option makes no sense, or a gradient of
 * the weights is wanted
 */
export function crossEntropy<A extends string, K extends A>(
  logits: Tensor<A>,
  targets: Tensor<Exclude<A, NoInfer<K>>>,
  axis: K,
  options?: CrossEntropyOptions<NoInfer<K>> & { readonly reduction?: 'mean' | 'sum' | undefined },
): Tensor<never>
export function crossEntropy<A extends string, K extends A>(
  logits: Tensor<A>,
  targets: Tensor<Exclude<A, NoInfer<K>>>,
  axis: K,
  options: CrossEntropyOptions<NoInfer<K>> & { readonly reduction: 'none' },
): Tensor<Exclude<A, K>>
export function crossEntropy(
  logits: AnyTensor,
  targets: AnyTensor,
  axis: string,
  options: Options = {},
): never {
  checkNames('crossEntropy', options, optionNames)
  return allOrNothing(() => {
    const { ignore = -100, labelSmoothing: smoothing = 0, reduction = 'mean', classWeights } = options
    checkOptions(ignore, smoothing, reduction)
    const device = sameDevice('crossEntropy', [
      logits,
      targets,
      ...(classWeights === undefined ? [] : [classWeights]),
    ])
    const { size: classes } = axisOf('crossEntropy', logits, axis)
    const others = logits.layout.filter(({ name }) => name !== axis)
    checkTargetShape(targets, others)
    const source = rowTensor('crossEntropy', logits, axis)
    const rowAxes = source.order.slice(0, -1)
    const rows = others.reduce((count, { size }) => count * size, 1)
    const along = alongAxis('crossEntropy', 'classWeights', classWeights, logits, axis)
    const byClass = along && checkWeights(along.tensor)
    const weights = along && { tensor: along.tensor, mean: meanOf(byClass!) }
    const counted = countTargets(targets, rowAxes, classes, ignore, byClass)
    const adjacent = isRowMajor(targets, rowAxes) ? (targets as Tensor) : arrange(targets, rowAxes)
    const key = planKeyOf(`crossEntropy ${smoothing} ${ignore} ${weights !== undefined} ${axis}`, [
      source.tensor,
    ])
    const prepared =
      preparedFor(device, key) ??
      prepare(
        device,
        key,
        [
          arranged('f32', Object.fromEntries(others.map(({ name, size }) => [name, size])), rowAxes),
          arranged('f32', { row: rows, statistic: crossEntropyStatistics }),
        ],
        6,
        (values) =>
          planCrossEntropy({
            rows,
            width: classes,
            logits: { address: values[0]!, stride: source.stride },
            targets: values[1]!,
            ignore,
            smoothing,
            weights: weights && { address: values[2]!, mean: values[3]! },
            losses: values[4]!,
            statistics: values[5]!,
          }),
      )
    const [losses, statistics] = [outputOf(device, prepared, 0), outputOf(device, prepared, 1)]
    runPrepared(device, prepared, [
      source.tensor.address,
      adjacent.address,
      weights?.tensor.address ?? 0,
      weights?.mean ?? 1,
      losses.address,
      statistics.address,
    ])
    source.release()
    const factor = reduction === 'none' ? undefined : reduction === 'sum' ? 1 : counted > 0 ? 1 / counted : 0
    let result = losses
    if (factor !== undefined) {
      result = reduceExpression('sum', input(0).mul(parameter(0)), [losses], rowAxes, [factor])
      losses.dispose()
      if (reduction === 'mean') countedOver(result, counted)
    }
    if (tracked([source.tensor])) {
      const attributes: CrossEntropyAttributes = {
        axis,
        targets: adjacent,
        ignore,
        smoothing,
        weights,
        factor,
        statistics,
      }
      return record('crossEntropy', [source.tensor], result, attributes) as never
    }
    statistics.dispose()
    if (adjacent !== targets) adjacent.dispose()
    along?.release()
    return result as never
  })
}

/** The gradient of the logits. Not recorded: for gradients. */
export function crossEntropyGradient(
  logits: AnyTensor,
  gradient: AnyTensor,
  { axis, targets, ignore, smoothing, weights, factor, statistics }: CrossEntropyAttributes,
): Tensor {
  const source = rowTensor('crossEntropy', logits, axis)
  const byRow = factor === undefined
  const upstream = byRow ? arrange(gradient, source.order.slice(0, -1)) : gradient
  const { device } = logits
  const key = planKeyOf(
    `crossEntropyBackward ${smoothing} ${ignore} ${weights !== undefined} ${byRow} ${axis}`,
    [source.tensor],
  )
  const prepared =
    preparedFor(device, key) ??
    prepare(device, key, [rowsLike(source)], 8, (values) =>
      planCrossEntropyBackward({
        rows: source.rows,
        width: source.width,
        logits: { address: values[0]!, stride: source.stride },
        targets: values[1]!,
        ignore,
        smoothing,
        weights: weights && { address: values[2]!, mean: values[3]! },
        statistics: values[4]!,
        gradient: values[5]!,
        byRow,
        factor: values[6]!,
        logitsGradient: { address: values[7]!, stride: source.width },
      }),
    )
  const result = outputOf(device, prepared, 0)
  runPrepared(device, prepared, [
    source.tensor.address,
    targets.address,
    weights?.tensor.address ?? 0,
    weights?.mean ?? 1,
    statistics.address,
    upstream.address,
    factor ?? 1,
    result.address,
  ])
  source.release()
  statistics.dispose()
  if (byRow) upstream.dispose()
  return result
}

function checkOptions(ignore: number, smoothing: number, reduction: string): void {
  if (!(Number.isInteger(ignore) && Math.abs(ignore) < 2 ** 31))
    throw new UsageError({
      operation: 'crossEntropy',
      expected: 'ignore to be a whole number of 32 bits',
      found: inWords(ignore),
      hint: 'leave it out for −100',
    })
  if (!['mean', 'sum', 'none'].includes(reduction))
    throw new UsageError({
      operation: 'crossEntropy',
      expected: "reduction to be 'mean', 'sum' or 'none'",
      found: inWords(reduction),
      hint: "leave it out for 'mean'",
    })
  if (!(typeof smoothing === 'number' && smoothing >= 0 && smoothing <= 1))
    throw new UsageError({
      operation: 'crossEntropy',
      expected: 'labelSmoothing from 0 to 1',
      found: inWords(smoothing),
      hint: '0.1 is usual',
    })
}

function checkTargetShape(targets: AnyTensor, others: AnyTensor['layout']): void {
  const described = (axes: AnyTensor['layout']): string =>
    axes.map(({ name, size }) => `${name} ${size}`).join(', ') || 'scalar'
  if (targets.dtype !== 'i32')
    throw new DtypeError({
      operation: 'crossEntropy',
      expected: 'i32 targets',
      found: (targets as Tensor).describe(),
      hint: "make them with { dtype: 'i32' }, or cast(x, 'i32')",
    })
  const fits =
    targets.layout.length === others.length &&
    others.every(({ name, size }) => targets.layout.some((axis) => axis.name === name && axis.size === size))
  if (!fits)
    throw new ShapeError({
      operation: 'crossEntropy',
      expected: `targets with the other axes of the logits: ${described(others)}`,
      found: described(targets.layout),
      hint: 'one class number for each row of logits',
    })
}

/** The weights of the classes, checked. */
function checkWeights(weights: Tensor): ArrayLike<number> {
  if (tracked([weights]))
    throw new UsageError({
      operation: 'crossEntropy',
      expected: 'classWeights that no gradient is wanted of',
      found: 'a part of what is differentiated',
      hint: 'give stopGradient(classWeights)',
    })
  const numbers = weights.values()
  const wrong = numbers.findIndex((weight) => !(weight >= 0 && weight < Infinity))
  if (wrong >= 0)
    throw new UsageError({
      operation: 'crossEntropy',
      expected: 'classWeights of at least 0',
      found: `${numbers[wrong]} for class ${wrong}`,
      hint: 'the mean divides by their sum over the targets',
    })
  return numbers
}

function meanOf(numbers: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += numbers[i]!
  return sum / Math.max(1, numbers.length)
}

/** How many targets are not ignored, or what they weigh; all of them checked: kernels trust them. */
function countTargets(
  targets: AnyTensor,
  order: readonly string[],
  classes: number,
  ignore: number,
  weights: ArrayLike<number> | undefined,
): number {
  const numbers = values(targets, order)
  let counted = 0
  for (let i = 0; i < numbers.length; i++) {
    const target = numbers[i]!
    if (target === ignore) continue
    if (target < 0 || target >= classes)
      throw new UsageError({
        operation: 'crossEntropy',
        expected: `targets from 0 to ${classes - 1}, or ${ignore} to ignore a row`,
        found: `${target} at row ${i}`,
        hint: 'check the vocabulary against the size of the logits',
      })
    counted += weights === undefined ? 1 : weights[target]!
  }
  return counted
}
