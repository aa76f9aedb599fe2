import { checkNames } from '../base/index.js'
import { input, parameter } from '../kernels/index.js'
import {
  type AnyTensor,
  mapMany,
  reduceExpression,
  type Scalar,
  scope,
  type Tensor,
  zeros,
} from '../tensor/index.js'
import { normOf } from './norm.js'
import {
  checkOption,
  type DecayOptions,
  decayOptionNames,
  type Optimizer,
  optimizerOf,
  type Weight,
  zerosLike,
} from './optimizer.js'

/** Adafactor's numbers, with the defaults of torch.optim.Adafactor. */
export interface AdafactorOptions extends DecayOptions {
  /** The weight of step t's squares in the running mean is t to this power. Default −0.8. */
  readonly betaDecay?: number
  /**
   * The least second moment, and the least size of a weight that the step is relative to. Default 1e-15 and
   * 1e-3.
   */
  readonly epsilon?: readonly [number, number]
  /** The largest root mean square of a step before it is scaled down. Default 1. */
  readonly threshold?: number
}

/**
 * Adafactor (Shazeer and Stern 2018, Algorithm 5, without the first moment; the numbers of
 * torch.optim.Adafactor). The second moment of a matrix is kept as the product of a row and a column, over
 * the last two axes of its shape. The step is relative to the weight's size: the rate is at most 1/√t, times
 * the root mean square of the weight. Decay is decoupled.
 *
 * Its state is `row` (the full second moment for tensors of fewer than two axes) and `column` (null there).
 *
 * @throws UsageError for options out of range
 */
export function adafactor(options: AdafactorOptions = {}): Optimizer {
  const known: readonly (keyof AdafactorOptions)[] = [
    'betaDecay',
    'epsilon',
    'threshold',
    ...decayOptionNames,
  ]
  checkNames('adafactor', options, known)
  const {
    betaDecay = -0.8,
    epsilon: [least, leastWeight] = [1e-15, 1e-3],
    threshold = 1,
    decay = 0,
  } = options
  checkOption('adafactor', 'betaDecay', -betaDecay, 0)
  checkOption('adafactor', 'epsilon[0]', least, 0)
  checkOption('adafactor', 'epsilon[1]', leastWeight, 0)
  checkOption('adafactor', 'threshold', threshold, 1e-9)
  checkOption('adafactor', 'decay', decay, 0)
  return optimizerOf({
    name: 'adafactor',
    options: { betaDecay, least, leastWeight, threshold, decay },
    slots: ['row', 'column'],
    decay: options,
    start: (weight) => {
      const [column, row] = lastAxes(weight)
      if (column === undefined || row === undefined) return [zerosLike(weight), null]
      return [zerosWithout(weight, column), zerosWithout(weight, row)]
    },
    update: (own) => {
      const { weight, gradient, step, rate } = own
      const share = step ** betaDecay
      const size = rootMeanSquare([weight], input(0))
      const alpha = Math.max(leastWeight, size) * Math.min(rate, 1 / Math.sqrt(step))
      const { moments, second, tensors } = secondMoment(own, share)
      // parameters: 0 gradient scale, 1 least second moment, 2 step, 3 decay, 4 the least mean of a row
      const direction = input(1)
        .mul(parameter(0))
        .div(second.max(parameter(1)).sqrt())
      const parameters = [own.gradientScale, least ** 2, 0, rate * own.decay, least]
      const inputs = [weight, gradient, ...tensors]
      const length = rootMeanSquare(inputs, direction, parameters)
      parameters[2] = alpha / Math.max(1, length / threshold)
      const step_ = input(0).sub(
        input(0)
          .mul(parameter(3))
          .add(direction.mul(parameter(2))),
      )
      const [next] = mapMany('adafactor', [step_], inputs, parameters)
      for (const tensor of tensors) if (!moments.includes(tensor)) tensor.dispose()
      return [next!, ...moments]
    },
  })
}

interface SecondMoment {
  /** The new state. */
  readonly moments: readonly (Tensor | null)[]
  /** The second moment as an expression of the inputs 2 … that `tensors` are. */
  readonly second: Scalar
  readonly tensors: readonly Tensor[]
}

function secondMoment(own: Weight, share: number): SecondMoment {
  const { gradient, weight } = own
  const [row, column] = own.moments
  const [columnAxis, rowAxis] = lastAxes(weight)
  const parameters = [own.gradientScale, share]
  const scaled = input(1).mul(parameter(0))
  const mix = (old: Scalar, new_: Scalar): Scalar => old.add(new_.sub(old).mul(parameter(1)))
  if (column === null || column === undefined || columnAxis === undefined || rowAxis === undefined) {
    const [full] = mapMany('adafactor', [mix(input(0), scaled.mul(scaled))], [row!, gradient], parameters)
    return { moments: [full!, null], second: input(2), tensors: [full!] }
  }
  const squares = input(0)
    .mul(parameter(0))
    .mul(input(0).mul(parameter(0)))
  const meanOver = (axis: string, old: Tensor): Tensor => {
    const total = reduceExpression('sum', squares, [gradient], [axis], [own.gradientScale])
    const mixed = mix(input(0), input(1).mul(parameter(0)))
    return mapMany('adafactor', [mixed], [old, total], [1 / weight.size(axis), share])[0]!
  }
  const [rows, columns, mean] = scope(() => {
    const made = meanOver(columnAxis, row!)
    const average = input(0).mul(parameter(0))
    return [
      made,
      meanOver(rowAxis, column),
      reduceExpression('sum', average, [made], [rowAxis], [1 / weight.size(rowAxis)]),
    ] as const
  })
  return {
    moments: [rows, columns],
    second: input(2)
      .mul(input(3))
      .div(input(4).max(parameter(4))),
    tensors: [rows, columns, mean],
  }
}

/** The last axis of a tensor's shape, and the one before. */
function lastAxes({ layout }: AnyTensor): [string | undefined, string | undefined] {
  return [layout.at(-1)?.name, layout.at(-2)?.name]
}

function zerosWithout(weight: Tensor, axis: string): Tensor {
  const shape = Object.fromEntries(
    weight.layout.filter(({ name }) => name !== axis).map(({ name, size }) => [name, size]),
  )
  return zeros(shape, { device: weight.device })
}

function rootMeanSquare(
  tensors: readonly Tensor[],
  value: Scalar,
  parameters: readonly number[] = [],
): number {
  return normOf(tensors, value, parameters)() / Math.sqrt(Math.max(1, tensors[0]!.elements))
}
