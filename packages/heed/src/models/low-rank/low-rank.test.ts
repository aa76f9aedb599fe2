import { afterAll, describe, expect, test } from 'vitest'
import { checkGradient, grad } from '../../autograd/index.js'
import { leavesOf, mapTree, randomKey, UsageError } from '../../base/index.js'
import { isModelWeight, type ModelWeight, quantizeTree, treeTensors } from '../../checkpoint/index.js'
import { Device } from '../../device/index.js'
import { isLowRank, type Quantized } from '../../nn/index.js'
import { interpreter } from '../../targets/index.js'
import { crossEntropy, isTensor, normal, scope, tensor, type Tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  createDecoder,
  type Decoder,
  decoderConfig,
  decoderLogits,
  llamaLeaves,
  mergeLowRank,
  trainableOf,
  unmergeLowRank,
  withLowRank,
} from '../index.js'

const exact = new Device(interpreter)
afterAll(() => exact.close())

const config = decoderConfig({
  vocabulary: 13,
  context: 8,
  width: 8,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  hidden: 12,
  norm: 'rms',
  tied: false,
})
const decoder = (seed = 1) => ({
  architecture: undefined,
  config,
  model: createDecoder(config, randomKey(seed)),
})
const ids = () => tensor([1, 5, 3, 2, 7, 7], { batch: 2, position: 3 }, { dtype: 'i32' })
const next = () => tensor([5, 3, 2, 7, 7, 0], { batch: 2, position: 3 }, { dtype: 'i32' })
const logitsOf = (model: Quantized<Decoder>): Tensor<'batch' | 'position' | 'vocabulary'> =>
  decoderLogits(model, config, ids())
const lossOf = (model: Quantized<Decoder>): Tensor<never> =>
  crossEntropy(logitsOf(model), next(), 'vocabulary')

/** Every change with an `up` of its own, so that it does change something. */
function filled<M>(model: M): M {
  return mapTree<M, ModelWeight>(model, isModelWeight, (weight, path) => {
    if (!isLowRank(weight)) return weight
    const { device, shape } = weight.up
    return { ...weight, up: normal(randomKey(7, path), shape, 0.3, { device }) }
  })
}
const everywhere = {
  targets: ['blocks.*.attention', 'blocks.*.feedForward', { pattern: 'head', rank: 2, alpha: 3 }],
  rank: 3,
}
const largest = <A extends string>(one: Tensor<A>, other: Tensor<A>): number => {
  const [a, b] = [one.values(), other.values(one.axes)]
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

describe.each(devices)('%s', (_, device) => {
  const within = (work: () => void): void => withDevice(device, () => scope(work))

  test('a change that begins changes nothing, and one that was trained does', () => {
    within(() => {
      const plain = decoder()
      const adapted = withLowRank(plain, everywhere)
      const before = logitsOf(plain.model)
      expect(largest(logitsOf(adapted.model), before)).toBe(0)
      expect(largest(logitsOf(filled(adapted.model)), before)).toBeGreaterThan(0.1)
    })
  })

  test('merged weights give what changed ones give, and unmerged ones are those from before', () => {
    within(() => {
      const plain = decoder()
      const fresh = withLowRank(plain, everywhere)
      const adapted = { ...fresh, model: filled(fresh.model) }
      const merged = mergeLowRank(adapted)
      expect([...leavesOf(merged.model, isModelWeight).values()].filter(isLowRank)).toEqual([])
      expect(largest(logitsOf(merged.model), logitsOf(adapted.model))).toBeLessThan(1e-5)
      const again = unmergeLowRank(merged, adapted)
      const first = leavesOf<Tensor>(adapted.model, isTensor)
      const paths = [...leavesOf<Tensor>(again.model, isTensor)].map(([path, leaf]) => {
        expect(largest(leaf, first.get(path)!), path).toBeLessThan(1e-6)
        return path
      })
      expect(paths.join()).toBe([...first.keys()].join())
    })
  })

  test('written, it is the merged model', () => {
    within(() => {
      const fresh = withLowRank(decoder(), everywhere)
      const adapted = { ...fresh, model: filled(fresh.model) }
      const bindings = { leaves: llamaLeaves() }
      const [own, merged] = [adapted, mergeLowRank(adapted)].map(({ model }) => treeTensors(model, bindings))
      expect([...own!.keys()].join()).toBe([...merged!.keys()].join())
      for (const [name, made] of own!) {
        const [a, b] = [made.toFloat32(), merged!.get(name)!.toFloat32()]
        expect(
          a.every((value, i) => value === b[i]),
          name,
        ).toBe(true)
      }
    })
  })

  test.each(['bf16', 'int8', 'int4'] as const)('%s weights below changes', (format) => {
    within(() => {
      const plain = decoder()
      const bindings = { leaves: llamaLeaves() }
      const changed = filled(withLowRank(plain, everywhere).model)
      const quantizedBelow = quantizeTree(changed, bindings, format)
      const changedAbove = filled(
        withLowRank({ ...plain, model: quantizeTree(plain.model, bindings, format) }, everywhere).model,
      )
      expect(largest(logitsOf(quantizedBelow), logitsOf(changedAbove))).toBe(0)
      const adapted = { ...plain, model: quantizedBelow }
      const { part, whole } = trainableOf({
        ...adapted,
        adapter: { dropout: 0, rankStabilized: false, trained: [] },
      })
      const gradient = leavesOf<Tensor>(grad((own: typeof part) => lossOf(whole(own)))(part), isTensor)
      expect([...gradient.keys()].join()).toBe([...leavesOf<Tensor>(part, isTensor).keys()].join())
      expect([...gradient.keys()].every((path) => /\.weight\.(down|up)$/.test(path))).toBe(true)
      // What the weights stand for, in f32, has nearly the same gradients: only x is rounded otherwise.
      const plainBelow = mapTree<typeof changed, ModelWeight>(quantizedBelow, isModelWeight, (weight) =>
        isLowRank(weight) && !isTensor(weight.base)
          ? { ...weight, base: weight.base.operations.dequantize(weight.base) }
          : weight,
      )
      const other = trainableOf({
        model: plainBelow,
        adapter: { dropout: 0, rankStabilized: false, trained: [] },
      })
      const expected = leavesOf<Tensor>(
        grad((own: typeof other.part) => lossOf(other.whole(own)))(other.part),
        isTensor,
      )
      const norm = (values: Iterable<number>): number =>
        Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0))
      for (const [path, leaf] of gradient) {
        const [a, b] = [leaf.values(), expected.get(path)!.values(leaf.axes)]
        const off = norm(a.map((value, i) => value - b[i]!)) / norm(b)
        expect(off, path).toBeLessThan({ bf16: 0.02, int8: 0.06, int4: 0.25 }[format])
      }
    })
  })
})

test('gradients are those of differences, in f64, on plain weights and on bf16', () => {
  withDevice(exact, () =>
    scope(() => {
      const targets = ['blocks.0.attention', 'blocks.1.feedForward.down']
      const fresh = withLowRank(decoder(), { targets, rank: 1, trained: ['norm'], dropout: 0.3 })
      for (const model of [fresh.model, quantizeTree(fresh.model, { leaves: llamaLeaves() }, 'bf16')]) {
        const { part, whole } = trainableOf({ ...fresh, model: filled(model) })
        const context = { key: randomKey(3), training: true }
        const { error, at } = checkGradient((own: typeof part) => lossOf(whole(own, context)), part)
        expect(error, at).toBeLessThan(1e-7)
        const dropped = lossOf(whole(part, context)).item()
        expect(Math.abs(dropped - lossOf(whole(part)).item())).toBeGreaterThan(1e-4)
        expect(lossOf(whole(part, { ...context, training: false })).item()).toBe(lossOf(whole(part)).item())
      }
    }),
  )
}, 60_000)

test('ranks, factors and what is trained are as asked for', () => {
  scope(() => {
    const { model, adapter } = withLowRank(decoder(), {
      targets: ['blocks.*.attention.query', { pattern: 'blocks.1.attention.query', rank: 4, alpha: 6 }],
      rank: 2,
      alpha: 8,
      rankStabilized: true,
      trained: ['head', 'blocks.0.attentionNorm'],
    })
    const changes = [...leavesOf<ModelWeight>(model, isModelWeight)].flatMap(([path, weight]) =>
      isLowRank(weight) ? [[path, weight.up.size('rank' as never), weight.scale] as const] : [],
    )
    expect(changes).toEqual([
      ['blocks.0.attention.query.weight', 2, 8 / Math.sqrt(2)],
      ['blocks.1.attention.query.weight', 4, 3],
    ])
    expect(adapter.trained).toEqual(['blocks.0.attentionNorm.weight', 'head.weight'])
    const { part } = trainableOf({ model, adapter })
    expect([...leavesOf<Tensor>(part, isTensor).keys()].sort()).toEqual(
      [
        'blocks.0.attention.query.weight.down',
        'blocks.0.attention.query.weight.up',
        'blocks.0.attentionNorm.weight',
        'blocks.1.attention.query.weight.down',
        'blocks.1.attention.query.weight.up',
        'head.weight',
      ].sort(),
    )
  })
})

test.each([
  [{ targets: [] }, /patterns of linear layers/],
  [{ targets: ['blocks.*.atention.query'] }, /blocks\.\*\.attention\.query/],
  [{ targets: ['embedding'] }, /none/],
  [{ targets: ['blocks.9'] }, /none/],
  [{ targets: ['head'], rank: 0 }, /rank/],
  [{ targets: ['head'], alpha: -1 }, /alpha/],
  [{ targets: ['head'], dropout: 1 }, /dropout/],
  [{ targets: ['head'], trained: ['head'] }, /both/],
  [{ targets: ['head'], ranks: 3 } as never, /ranks/],
  [{ targets: [7] } as never, /target/],
  [{ targets: [{ pattern: 7 }] } as never, /pattern/],
  [{ targets: ['head'], rank: '8' } as never, /rank/],
  [{ targets: ['head'], trained: 'norm' } as never, /trained/],
  [{ targets: ['head'], rankStabilized: 1 } as never, /rankStabilized/],
])('options %j are refused', (options, message) => {
  scope(() => {
    expect(() => withLowRank(decoder(), options)).toThrow(UsageError)
    expect(() => withLowRank(decoder(), options)).toThrow(message)
  })
})

test('a model with changes gets no others', () => {
  scope(() => {
    const adapted = withLowRank(decoder(), { targets: ['head'] })
    expect(() => withLowRank(adapted, { targets: ['head'] })).toThrow(/mergeLowRank/)
  })
})
