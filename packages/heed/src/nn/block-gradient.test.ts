import { describe, expect, test } from 'vitest'
import { checkGradient, checkpoint, valueAndGrad } from '../autograd/index.js'
import { leavesOf, randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { observe, observedAsNow, within } from '../observe/index.js'
import { wasmTarget } from '../targets/index.js'
import {
  type AnyTensor,
  isTensor,
  map,
  normal,
  scope,
  sum,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import {
  alibi,
  type Block,
  type BlockOptions,
  type BlockShape,
  createBlock,
  createCrossBlock,
  crossDecoderBlock,
  decoderBlock,
  encoderBlock,
  normalInitializer,
  rotaryTable,
  type Sequence,
} from './index.js'
import { referenceDevices } from './testing/reference.js'

// Gradients of whole blocks: against central differences in f64, and the same bits on any number of threads.

const shape: BlockShape = {
  width: 4,
  hidden: 3,
  heads: 2,
  keyValueHeads: 1,
  headWidth: 2,
  valueWidth: 3,
  initializer: normalInitializer(0.6),
}

const one = (positions: number, width: number, seed: number): Sequence =>
  normal(randomKey(seed), { batch: 2, position: positions, width })

/** A loss that weighs each element differently. */
const weigh = (y: Sequence): Tensor<never> =>
  sum(map((v) => v.mul(1.3).sin().add(v.mul(v).mul(0.2)), y) as AnyTensor as Tensor<'batch'>) as Tensor<never>

const options: Readonly<Record<string, () => BlockOptions>> = {
  'norm first': () => ({}),
  'norm last': () => ({ arrangement: 'post' }),
  'RMS norm, rotary positions': () => ({
    norm: { kind: 'rms' },
    attention: { rotary: rotaryTable(3, { width: 2 }) },
  }),
  dropout: () => ({ dropout: { rate: 0.3, key: randomKey(9) } }),
  'dropout of filters': () => ({ dropout: { rate: 0, filter: 0.4, key: randomKey(9) } }),
}

function expectDifferences<M>(make: () => M, run: (model: M) => Sequence): void {
  withDevice(referenceDevices[0]!, () =>
    scope(() => {
      const { error, at } = checkGradient((m: M) => weigh(run(m)), make())
      expect(error, at).toBeLessThan(1e-7)
    }),
  )
}

describe('gradients of blocks equal central differences', () => {
  test.each(Object.entries(options))('a decoder block: %s', (_, make) =>
    expectDifferences(
      () => ({
        block: createBlock(randomKey(1), { ...shape, gated: true, headNorm: true }),
        x: one(3, 4, 2),
      }),
      ({ block, x }) => decoderBlock(block, x, make()),
    ),
  )

  test('an encoder block with learned slopes', () =>
    expectDifferences(
      () => ({
        block: createBlock(randomKey(1), { ...shape, bias: false }),
        x: one(3, 4, 2),
        slopes: normal(randomKey(4), { head: 2 }),
      }),
      ({ block, x, slopes }) => encoderBlock(block, x, { attention: { score: alibi(slopes) } }),
    ))

  test.each(['pre', 'post'] as const)('a decoder block with a context, norms %s', (arrangement) =>
    expectDifferences(
      () => ({
        block: createCrossBlock(randomKey(1), { ...shape, bias: false, contextWidth: 3 }),
        x: one(2, 4, 2),
        context: one(3, 3, 3),
      }),
      ({ block, x, context }) =>
        crossDecoderBlock(block, x, context, {
          arrangement,
          dropout: { rate: 0.3, filter: 0.3, key: randomKey(9) },
        }),
    ),
  )
})

test('one thread or three: the same bits, forward and backward, dropout included', () => {
  const wide = { width: 48, heads: 4, keyValueHeads: 2, hidden: 96 }
  const bits = [1, 3].map((threads) => {
    const device = new Device(wasmTarget({ lanes: 4, relaxed: false, shared: true }), {
      shared: true,
      threads,
    })
    return withDevice(device, () =>
      scope(() => {
        const given = {
          block: createBlock(randomKey(1), wide),
          x: normal(randomKey(2), { batch: 3, position: 65, width: 48 }),
        }
        const loss = ({ block, x }: typeof given): Tensor<never> =>
          weigh(decoderBlock(block, x, { dropout: { rate: 0.1, filter: 0.1, key: randomKey(3) } }))
        const { value, gradient } = valueAndGrad(loss)(given)
        return [
          value.item(),
          ...[...leavesOf<Tensor>(gradient, isTensor).values()].flatMap((leaf) => [...leaf.values()]),
        ]
      }),
    )
  })
  expect(bits[0]!.length).toBeGreaterThan(10_000)
  expect(bits[1]).toEqual(bits[0])
})

test('a block computed again for its gradient replaces what it replaced before', () =>
  withDevice(referenceDevices[0]!, () =>
    scope(() => {
      const block = createBlock(randomKey(1), shape)
      const x = one(3, 4, 2)
      const halved =
        (again: boolean) =>
        (m: { block: Block; x: Sequence }): Tensor<never> =>
          observe({ 'blocks.0.attention.filter': (filter) => filter.mul(0.5) }, () =>
            within('blocks.0', () => {
              const run = (b: Block, input: Sequence): Sequence => decoderBlock(b, input)
              return weigh(again ? checkpoint(observedAsNow(run))(m.block, m.x) : run(m.block, m.x))
            }),
          )
      const [once, twice] = [false, true].map((again) => valueAndGrad(halved(again))({ block, x }))
      const numbers = (tree: unknown): number[] =>
        [...leavesOf<Tensor>(tree, isTensor).values()].flatMap((leaf) => [...leaf.values()])
      expect(twice!.value.item()).toBe(once!.value.item())
      expect(numbers(twice!.gradient)).toEqual(numbers(once!.gradient))
    }),
  ))
