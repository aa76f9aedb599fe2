import { differentiate, float, input } from '../kernels/index.js'
import {
  addendGradient,
  type AnyTensor,
  at,
  contractGradient,
  type DotAttributes,
  type DotQuantizedAttributes,
  expand,
  mapMany,
  type MapAttributes,
  merge,
  type ReduceAttributes,
  reduceExpression,
  rename,
  type Scalar,
  split,
  sum,
  type Tensor,
} from '../tensor/index.js'
import { attentionGradients } from './attention.js'
import { gatherGradients } from './gather.js'
import { recurrentGradients } from './recurrent.js'
import { rotaryGradients } from './rotary.js'
import { rowGradients } from './rows.js'
import type { GradientRule } from './rule.js'

export type { GradientRule, Placed } from './rule.js'

/** One row for each operation that can be differentiated, under the name it is recorded by. */
export const gradients: Record<string, GradientRule> = {
  ...attentionGradients,
  ...gatherGradients,
  ...recurrentGradients,
  ...rotaryGradients,
  ...rowGradients,

  /**
   * Any elementwise function: its derivative with respect to each input, times the gradient, summed over the
   * axes the input lacks.
   */
  map({ inputs, attributes }, gradient, wanted) {
    const { expression, parameters } = attributes as MapAttributes
    const derivatives = derivativesOf(expression, inputs.length)
    return inputs.map((own, slot) => {
      if (!wanted(own)) return undefined
      const derivative = derivatives[slot]
      if (derivative === undefined) return undefined
      const mine = new Set(own.layout.map(({ name }) => name))
      const over = gradient.layout.filter(({ name }) => !mine.has(name)).map(({ name }) => name)
      const tensors = [...inputs, gradient]
      return over.length === 0
        ? mapMany('map', [derivative], tensors, parameters)[0]
        : reduceExpression('sum', derivative, tensors, over, parameters)
    })
  },

  dot({ inputs: [a, b, ...addends], attributes }, gradient, wanted) {
    const { scale } = attributes as DotAttributes
    return [
      wanted(a!) ? contractGradient(gradient, b!, a!, scale) : undefined,
      wanted(b!) ? contractGradient(gradient, a!, b!, scale) : undefined,
      ...addends.map((addend) => (wanted(addend) ? addendGradient(gradient, addend) : undefined)),
    ]
  },

  dotQuantized({ inputs: [x, ...addends], attributes }, gradient, wanted) {
    const { weights, scale } = attributes as DotQuantizedAttributes
    return [
      wanted(x!) ? weights.operations.gradient(weights, gradient, scale) : undefined,
      ...addends.map((addend) => (wanted(addend) ? addendGradient(gradient, addend) : undefined)),
    ]
  },

  reduce({ inputs: [x], output, attributes }, gradient) {
    const { kind, axes } = attributes as ReduceAttributes
    const lost = Object.fromEntries(
      x!.layout.filter(({ name }) => axes.includes(name)).map(({ name, size }) => [name, size]),
    )
    if (kind === 'sum') return [expand(gradient, lost) as Tensor]
    // Shared evenly by the elements that are equal to the largest (or least).
    const isExtreme = input(0).eq(input(1)).select(float(1), 0)
    const count = reduceExpression('sum', isExtreme, [x!, output], axes)
    const [result] = mapMany(kind, [isExtreme.mul(input(2)).div(input(3))], [x!, output, gradient, count])
    return [result]
  },

  // Views: the gradient takes the opposite way.
  rename({ attributes }, gradient) {
    const back = Object.fromEntries(
      Object.entries(attributes as Record<string, string>).map(([from, to]) => [to, from]),
    )
    return [rename(gradient, back) as Tensor]
  },
  split({ attributes }, gradient) {
    const { axis, into } = attributes as { axis: string; into: string[] }
    return [merge(gradient, into, axis) as Tensor]
  },
  merge({ attributes }, gradient) {
    const { into, parts } = attributes as { into: string; parts: Record<string, number> }
    return [split(gradient, into, parts) as Tensor]
  },
  slice({ attributes }, gradient) {
    const { axis, start } = attributes as { axis: string; start: number }
    return [{ part: gradient, axis, start }]
  },
  at({ attributes }, gradient) {
    const { axis, position } = attributes as { axis: string; position: number }
    return [{ part: expand(gradient, { [axis]: 1 }) as Tensor, axis, start: position }]
  },
  expand({ attributes }, gradient) {
    const added = attributes as readonly string[]
    // Nothing is to be added up along an axis of one position.
    const single = added.filter((name) => gradient.size(name) === 1)
    const repeated = added.filter((name) => gradient.size(name) !== 1)
    const whole = single.reduce((part, name) => at(part, name, 0) as AnyTensor as Tensor, gradient)
    return [repeated.length === 0 ? whole : (sum(whole, repeated) as unknown as Tensor)]
  },
  arrange(_, gradient) {
    return [gradient]
  },
  copy(_, gradient) {
    return [gradient]
  },
}

const knownDerivatives = new WeakMap<Scalar, readonly (Scalar | undefined)[]>()

/**
 * The derivative by each input, times the gradient, which is input `count`. Found once for each expression.
 */
function derivativesOf(expression: Scalar, count: number): readonly (Scalar | undefined)[] {
  let derivatives = knownDerivatives.get(expression)
  if (derivatives === undefined) {
    const leaves = [...differentiate(expression, input(count))]
    derivatives = Array.from({ length: count }, (_, slot) =>
      leaves
        .filter(([leaf]) => leaf.operation === 'input' && leaf.value === slot)
        .reduce<Scalar | undefined>((total, [, part]) => total?.add(part) ?? part, undefined),
    )
    knownDerivatives.set(expression, derivatives)
  }
  return derivatives
}
