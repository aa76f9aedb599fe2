import { describe, expect, test } from 'vitest'
import { checkpoint, valueAndGrad } from '../autograd/index.js'
import { leavesOf, randomKey } from '../base/index.js'
import { observe, observedAsNow } from '../observe/index.js'
import {
  type AnyTensor,
  isTensor,
  map,
  normal,
  scope,
  slice,
  sum,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import {
  type BlockOptions,
  createBlock,
  createCrossBlock,
  crossDecoderBlock,
  decoderBlock,
  encoderBlock,
  normalInitializer,
  type Sequence,
} from './index.js'
import { referenceDevices } from './testing/reference.js'

// Dropout of filters, in whole blocks: what the plain path with the same weights gives, whoever looks on.

const shape = { width: 8, hidden: 6, heads: 2, headWidth: 4, initializer: normalInitializer(0.6) }
const options: BlockOptions = { dropout: { rate: 0, filter: 0.4, key: randomKey(3) } }
const blocks = {
  encoder: (parameters: ReturnType<typeof createBlock>, x: Sequence, more: BlockOptions = {}) =>
    encoderBlock(parameters, x, { ...options, ...more }),
  decoder: (parameters: ReturnType<typeof createBlock>, x: Sequence, more: BlockOptions = {}) =>
    decoderBlock(parameters, x, { ...options, ...more }),
}
const texts = (seed: number, batch = 2, position = 7): Sequence =>
  normal(randomKey(seed), { batch, position, width: 8 })
const weigh = (y: Sequence): Tensor<never> =>
  sum(map((v) => v.mul(1.3).sin(), y) as AnyTensor as Tensor<'batch'>) as Tensor<never>

function far(a: unknown, b: unknown): number {
  const numbers = (tree: unknown): number[] =>
    (isTensor(tree) ? [tree as Tensor] : [...leavesOf<Tensor>(tree as object, isTensor).values()]).flatMap(
      (leaf) => [...leaf.values()],
    )
  const [x, y] = [numbers(a), numbers(b)]
  return x.reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!)), x.length === y.length ? 0 : Infinity)
}

describe.each(['encoder', 'decoder'] as const)('dropout of filters in the block of a %s', (name) => {
  const block = blocks[name]
  const parameters = createBlock(randomKey(1), shape)
  const x = texts(2)
  const gradient = (run: typeof block) =>
    valueAndGrad((model: typeof parameters) => weigh(run(model, x)))(parameters)

  test('is the plain path with the same weights, gradients too', () => {
    withDevice(referenceDevices[0]!, () =>
      scope(() => {
        const given = { parameters: createBlock(randomKey(1), shape), x: texts(2) }
        const run = () =>
          valueAndGrad((model: typeof given) => weigh(block(model.parameters, model.x)))(given)
        const fused = run()
        const steps = observe({ 'attention.weights': (weights: unknown) => weights as undefined }, run)
        expect(Math.abs(fused.value.item() - steps.value.item())).toBeLessThan(1e-10)
        expect(far(fused.gradient, steps.gradient)).toBeLessThan(1e-10)
      }),
    )
  })
  test('drops the same where a block is computed again', () => {
    const again = gradient((model, input) =>
      checkpoint(observedAsNow((own: typeof parameters, given: Sequence) => block(own, given)))(model, input),
    )
    expect(far(again.gradient, gradient(block).gradient)).toBe(0)
  })
  test('has other weights with another key, and all without', () => {
    const other = block(parameters, x, { dropout: { rate: 0, filter: 0.4, key: randomKey(4) } })
    const none = block(parameters, x, { dropout: { rate: 0, filter: 0, key: randomKey(4) } })
    const bare = block(parameters, x, { dropout: undefined })
    expect(far(other, block(parameters, x))).toBeGreaterThan(1e-3)
    expect(far(none, bare)).toBeLessThan(1e-6)
  })
  test('is each row’s own where texts of several lengths stand one after the other', () => {
    const rows = { lengths: [4, 3] }
    const one = texts(5, 1, 7)
    const fused = block(parameters, one, { attention: { rows } })
    const steps = observe({ 'attention.rows.*.filter': (filter: unknown) => filter as undefined }, () =>
      block(parameters, one, { attention: { rows } }),
    )
    expect(far(fused, steps)).toBeLessThan(1e-5)
    const last = block(parameters, slice(one, 'position', 4, 7))
    expect(far(slice(fused, 'position', 4, 7), last)).toBeGreaterThan(1e-3)
  })
})

test('attention to a context drops its own', () => {
  const parameters = createCrossBlock(randomKey(1), shape)
  const run = (): Sequence => crossDecoderBlock(parameters, texts(2), texts(3, 2, 5), options)
  const steps = observe({ 'crossAttention.weights': (weights: unknown) => weights as undefined }, run)
  expect(far(run(), steps)).toBeLessThan(1e-5)
  expect(far(run(), crossDecoderBlock(parameters, texts(2), texts(3, 2, 5)))).toBeGreaterThan(1e-3)
})
