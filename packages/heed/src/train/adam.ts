import { checkNames } from '../base/index.js'
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

/**
 * The numbers of `adam` and `adamw`. Language models are often trained with betas of 0.9 and 0.95 and a decay
 * of 0.1.
 */
export interface AdamOptions extends DecayOptions {
  /** How slowly the mean of the gradient (β₁) and of its square (β₂) forget. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number]
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, Algorithm 2): decay acts on the weight
 * itself, times the rate.
 *
 *     first  ← β₁ first + (1 − β₁) g          second ← β₂ second + (1 − β₂) g²
 *     weight ← weight − rate × (decay × weight + (first / (1 − β₁ᵗ)) / (√(second / (1 − β₂ᵗ)) + ε))
 *
 * @throws UsageError for options out of range
 */
export function adamw(options: AdamOptions = {}): Optimizer {
  return adamOf('adamw', options, true)
}

/**
 * Adam (Kingma and Ba 2015, Algorithm 1); decay, where there is one, is L2: decay × weight is added to the
 * gradient.
 *
 * @throws UsageError for options out of range
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamOf('adam', options, false)
}

function adamOf(name: string, options: AdamOptions, decoupled: boolean): Optimizer {
  checkNames(name, options, ['betas', 'epsilon', ...decayOptionNames] satisfies (keyof AdamOptions)[])
  const { betas: [beta1, beta2] = [0.9, 0.999], epsilon = 1e-8, decay = 0 } = options
  checkOption(name, 'betas[0]', beta1, 0, 1, true)
  checkOption(name, 'betas[1]', beta2, 0, 1, true)
  checkOption(name, 'epsilon', epsilon, 0)
  checkOption(name, 'decay', decay, 0)
  const expressions = decoupled ? decoupledStep : coupledStep
  return optimizerOf({
    name,
    options: { beta1, beta2, epsilon, decay },
    slots: ['first', 'second'],
    decay: options,
    update: (weight) => {
      const { step, rate, gradientScale } = weight
      return fusedUpdate(name, expressions, weight, [
        gradientScale,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        rate / (1 - beta1 ** step),
        1 / (1 - beta2 ** step),
        epsilon,
        decoupled ? rate * weight.decay : weight.decay,
      ])
    },
  })
}

function adamStep(decoupled: boolean): readonly Scalar[] {
  const [scale, beta1, rest1, beta2, rest2, rate, correction, epsilon, decay] = Array.from(
    { length: 9 },
    (_, i) => parameter(i),
  ) as [Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar]
  const weight = input(0)
  const scaled = input(1).mul(scale)
  const gradient = decoupled ? scaled : scaled.add(weight.mul(decay))
  const first = input(2).mul(beta1).add(gradient.mul(rest1))
  const second = input(3).mul(beta2).add(gradient.mul(gradient).mul(rest2))
  const step = first.mul(rate).div(second.mul(correction).sqrt().add(epsilon))
  return [weight.sub(decoupled ? weight.mul(decay).add(step) : step), first, second]
}

const decoupledStep = adamStep(true)
const coupledStep = adamStep(false)
