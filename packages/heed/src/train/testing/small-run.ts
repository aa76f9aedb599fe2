import { foldIn, randomKey } from '../../base/index.js'
import { dot, dropout, map, mean, normal, tanh, type Tensor, zeros } from '../../tensor/index.js'
import {
  adamw,
  cosineSchedule,
  evaluationBatches,
  type LossContext,
  type TokenBatch,
  tokenBatches,
  type TrainerOptions,
} from '../index.js'

/** A model that is small, and has all that matters to a loop: matrices, vectors, dropout. */
export interface SmallModel {
  readonly frequency: Tensor<'width'>
  readonly layers: readonly { readonly weight: Tensor<'width' | 'hidden'>; readonly bias: Tensor<'hidden'> }[]
  readonly output: Tensor<'hidden'>
}

export function smallModel(seed: number, width = 6, hidden = 5): SmallModel {
  const key = randomKey(seed)
  return {
    frequency: normal(foldIn(key, 'frequency'), { width }),
    layers: [
      {
        weight: normal(foldIn(key, 'weight'), { width, hidden }, 0.5),
        bias: zeros({ hidden }),
      },
    ],
    output: normal(foldIn(key, 'output'), { hidden }),
  }
}

/** Predicts the next token as a number: squared error, with dropout in training. */
export function smallLoss(
  model: SmallModel,
  { inputs, targets }: TokenBatch,
  { key, training }: LossContext,
): Tensor<never> {
  let x = map((token, frequency) => token.mul(frequency).sin(), inputs, model.frequency)
  if (training) x = dropout(x, 0.1, key)
  const { weight, bias } = model.layers[0]!
  const hidden = tanh(dot(x, weight, 'width').add(bias))
  const found = dot(hidden, model.output, 'hidden')
  return mean(
    map((value, target) => target.ge(0).select(value.sub(target.mul(0.1)).square(), 0), found, targets),
  )
}

export function smallTokens(length: number): Uint16Array {
  return Uint16Array.from({ length }, (_, i) => (i * 7 + Math.floor(i / 5)) % 11)
}

/** Options for a run of the small model; everything random from one seed. */
export function smallRun(steps: number): TrainerOptions<SmallModel, TokenBatch> {
  const tokens = smallTokens(120)
  return {
    model: smallModel(3),
    loss: smallLoss,
    optimizer: adamw({ decay: 0.01 }),
    schedule: cosineSchedule({ peak: 0.02, warmUp: 3, total: steps }),
    data: tokenBatches(tokens, { batch: 2, context: 4, seed: 5 }),
    steps,
    seed: 7,
    accumulation: 2,
    clip: 1,
    evaluation: { data: evaluationBatches(smallTokens(31), { batch: 2, context: 4 }), every: 4 },
  }
}

/** All numbers of a tree of tensors, bit for bit. */
export function bitsOfTree(tree: unknown): string {
  const found: string[] = []
  const walk = (value: unknown, path: string): void => {
    if (value === null || typeof value !== 'object') return
    if ('values' in value && 'layout' in value) {
      const numbers = (value as Tensor).values()
      found.push(
        `${path} ${Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('hex')}`,
      )
      return
    }
    for (const [name, inner] of Object.entries(value)) walk(inner, `${path}.${name}`)
  }
  walk(tree, '')
  return found.join('\n')
}
