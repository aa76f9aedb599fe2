import { checkNames, UsageError } from '../base/index.js'
import { input, parameter } from '../kernels/index.js'
import type { Scalar } from '../tensor/index.js'
import {
  checkOption,
  type DecayOptions,
  decayOptionNames,
  fusedUpdate,
  type Optimizer,
  optimizerOf,
} from './optimizer.js'

/** Momentum and weight decay of `sgd`. Without them a step is −rate × gradient. */
export interface SgdOptions extends DecayOptions {
  /** How slowly the running sum of gradients forgets. Default 0: none is kept. */
  readonly momentum?: number
  /**
   * Steps along the gradient plus momentum × the new sum (Nesterov's look-ahead, Sutskever et al. 2013).
   * Default false.
   */
  readonly nesterov?: boolean
}

/**
 * Stochastic gradient descent; decay × weight is added to the gradient.
 *
 *     g ← g + decay × weight      sum ← momentum × sum + g      weight ← weight − rate × sum
 *
 * @throws UsageError for options out of range, or Nesterov without momentum
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  checkNames('sgd', options, ['momentum', 'nesterov', ...decayOptionNames] satisfies (keyof SgdOptions)[])
  const { momentum = 0, nesterov = false, decay = 0 } = options
  checkOption('sgd', 'momentum', momentum, 0, 1, true)
  checkOption('sgd', 'decay', decay, 0)
  if (nesterov && momentum === 0)
    throw new UsageError({
      operation: 'sgd',
      expected: 'momentum above 0 with nesterov',
      found: '0',
      hint: 'give momentum: 0.9, or leave nesterov out',
    })
  const plain = momentum === 0
  const expressions = plain ? plainStep : nesterov ? nesterovStep : momentumStep
  return optimizerOf({
    name: 'sgd',
    options: { momentum, nesterov, decay },
    slots: plain ? [] : ['momentum'],
    decay: options,
    update: (weight) =>
      fusedUpdate('sgd', expressions, weight, [weight.gradientScale, weight.decay, weight.rate, momentum]),
  })
}

const [scale, decay, rate, momentum] = [0, 1, 2, 3].map((slot) => parameter(slot)) as [
  Scalar,
  Scalar,
  Scalar,
  Scalar,
]
const weight: Scalar = input(0)
const gradient: Scalar = input(1).mul(scale).add(weight.mul(decay))
const sum: Scalar = input(2).mul(momentum).add(gradient)

const plainStep: readonly Scalar[] = [weight.sub(gradient.mul(rate))]
const momentumStep: readonly Scalar[] = [weight.sub(sum.mul(rate)), sum]
const nesterovStep: readonly Scalar[] = [weight.sub(gradient.add(sum.mul(momentum)).mul(rate)), sum]
