import { checkNames } from '../base/index.js'
import { float, input, parameter } from '../kernels/index.js'
import type { Scalar } from '../tensor/index.js'
import {
  checkOption,
  type DecayOptions,
  decayOptionNames,
  fusedUpdate,
  type Optimizer,
  optimizerOf,
} from './optimizer.js'

/** Lion's numbers, with the defaults of the paper. */
export interface LionOptions extends DecayOptions {
  /**
   * How much of the mean counts in the step (β₁), and how slowly the mean forgets (β₂). Default 0.9 and 0.99.
   */
  readonly betas?: readonly [number, number]
}

/**
 * Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", Algorithm 2): the sign of a mean
 * of gradients, decoupled decay.
 *
 *     weight ← weight − rate × (decay × weight + sign(β₁ mean + (1 − β₁) g))      mean ← β₂ mean + (1 − β₂) g
 *
 * @throws UsageError for options out of range
 */
export function lion(options: LionOptions = {}): Optimizer {
  checkNames('lion', options, ['betas', ...decayOptionNames] satisfies (keyof LionOptions)[])
  const { betas: [beta1, beta2] = [0.9, 0.99], decay: decayOption = 0 } = options
  checkOption('lion', 'betas[0]', beta1, 0, 1, true)
  checkOption('lion', 'betas[1]', beta2, 0, 1, true)
  checkOption('lion', 'decay', decayOption, 0)
  return optimizerOf({
    name: 'lion',
    options: { beta1, beta2, decay: decayOption },
    slots: ['mean'],
    decay: options,
    update: (own) =>
      fusedUpdate('lion', lionStep, own, [
        own.gradientScale,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        own.rate,
        own.rate * own.decay,
      ]),
  })
}

const [scale, beta1, rest1, beta2, rest2, rate, decay] = Array.from({ length: 7 }, (_, i) =>
  parameter(i),
) as [Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar]
const weight: Scalar = input(0)
const gradient: Scalar = input(1).mul(scale)
const mean: Scalar = input(2)
const direction: Scalar = mean.mul(beta1).add(gradient.mul(rest1))
const sign: Scalar = direction.gt(0).select(float(1), direction.lt(0).select(float(-1), 0))

const lionStep: readonly Scalar[] = [
  weight.sub(weight.mul(decay).add(sign.mul(rate))),
  mean.mul(beta2).add(gradient.mul(rest2)),
]
