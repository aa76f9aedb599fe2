import { afterAll, describe, expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { randomKey, ShapeError, UsageError } from '../base/index.js'
import { dispose, memoryUse, normal, scope, sum, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { adafactor, adam, adamw, lion, matricesDecay, type Optimizer, sgd } from './index.js'
import { devices } from './testing/devices.js'
import {
  expectClose,
  type OptimizerCase,
  referenceFolder,
  tensorsOf,
  trainingCases,
} from './testing/reference.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

/** The optimizer that a case's options describe. */
function optimizerFor({ name, options }: OptimizerCase): Optimizer {
  const { betas, eps, decay, momentum, nesterov } = options as Readonly<
    Record<'betas' | 'eps' | 'decay' | 'momentum' | 'nesterov', never>
  >
  if ('decoupled' in options) {
    const given = { betas, epsilon: eps, decay }
    return options['decoupled'] === true ? adamw(given) : adam(given)
  }
  if ('nesterov' in options) return sgd({ momentum, nesterov, decay })
  if ('beta2_decay' in options)
    return adafactor({
      betaDecay: options['beta2_decay'] as number,
      epsilon: eps,
      threshold: options['clip'] as number,
      decay,
    })
  if (name.startsWith('lion')) return lion({ betas, decay })
  throw new Error(`no optimizer for the case ${name}`)
}

const axisNames = ['row', 'column', 'depth', 'more']

/** Numbers one after the other as tensors of these shapes. */
function treeOf(numbers: Float64Array, shapes: OptimizerCase['shapes']): Tensor[] {
  let start = 0
  return shapes.map((shape) => {
    const size = shape.reduce((a, b) => a * b, 1)
    const named = Object.fromEntries(shape.map((length, i) => [axisNames[i]!, length]))
    return tensor(numbers.subarray(start, (start += size)), named)
  })
}

describe.each(devices)('optimizers on %s', (_, device) => {
  const cases = trainingCases('optimizer').map((reference) => [reference.name, reference] as const)

  test.skipIf(referenceFolder === undefined).each(cases)(
    '%s: every step equals PyTorch’s (set HEED_SHARED to run)',
    (_name, reference) =>
      withDevice(device, () => {
        const tensors = tensorsOf(reference)
        const optimizer = optimizerFor(reference)
        const [steps, size] = tensors.get('gradients')!.shape as [number, number]
        const before = memoryUse().tensors
        let model = treeOf(tensors.get('initial')!.values, reference.shapes)
        let state = optimizer.init(model)
        for (let step = 0; step < steps; step++) {
          const row = (name: string): Float64Array =>
            tensors.get(name)!.values.subarray(step * size, (step + 1) * size)
          // Half of the gradient at twice the scale, and memory freed on every other step: neither changes
          // anything.
          const halved = step % 2 === 1
          const gradient = treeOf(
            halved ? row('gradients').map((g) => g / 2) : row('gradients'),
            reference.shapes,
          )
          const old = [model, gradient, state]
          const options = {
            rate: reference.options['lr'] as number,
            gradientScale: halved ? 2 : 1,
            free: halved,
          }
          ;({ model, state } = optimizer.update(model, gradient, state, options))
          if (!halved) dispose(old)
          expect(state.step).toBe(step + 1)
          expectClose(
            `step ${step}`,
            model.flatMap((weight) => [...weight.values()]),
            row('weights'),
            {
              tolerance: reference.tolerance['weights']!,
              relative: device.floatBytes === 8 ? 3e-7 : undefined,
            },
          )
        }
        dispose([model, state])
        expect(memoryUse().tensors).toBe(before)
      }),
  )

  test('every optimizer lowers a loss, in place or not, and leaves nothing behind', () =>
    withDevice(device, () => {
      const loss = (model: { w: Tensor<'a' | 'b'>; b: Tensor<'b'>; ids: Tensor<'a'> }) =>
        sum(model.w.mul(model.w)).add(sum(model.b.sub(1).mul(model.b.sub(1)))) as Tensor<never>
      for (const [optimizer, rate] of [
        [adamw(), 0.05],
        [adam({ decay: 0.01 }), 0.05],
        [sgd({ momentum: 0.9, nesterov: true }), 0.05],
        [sgd(), 0.1],
        [lion(), 0.02],
        [adafactor(), 0.1],
      ] as const) {
        const before = memoryUse().tensors
        let model = {
          w: normal(randomKey(1), { a: 3, b: 5 }),
          b: normal(randomKey(2), { b: 5 }),
          ids: tensor([1, 2, 3], { a: 3 }, { dtype: 'i32' }),
        }
        const start = scope(() => loss(model).item())
        let state = optimizer.init(model)
        for (let step = 0; step < 60; step++) {
          const gradient = grad(loss)(model)
          ;({ model, state } = optimizer.update(model, gradient, state, { rate, free: true }))
        }
        expect(
          scope(() => loss(model).item()),
          optimizer.name,
        ).toBeLessThan(start / 3)
        expect([...model.ids.values()]).toEqual([1, 2, 3])
        dispose([model, state])
        expect(memoryUse().tensors, optimizer.name).toBe(before)
      }
    }))

  test('tied weights are updated once and stay tied', () =>
    withDevice(device, () =>
      scope(() => {
        const shared = tensor([1, 2], { a: 2 })
        const alone = adamw().init({ input: shared })
        const state = adamw().init({ input: shared, output: shared })
        expect(state.moments['first']!.input).toBe(state.moments['first']!.output)
        const loss = (model: { input: Tensor<'a'>; output?: Tensor<'a'> }) =>
          sum(model.input.mul(model.output ?? model.input))
        const both = { input: shared, output: shared }
        const once = adamw().update({ input: shared }, grad(loss)({ input: shared }), alone, { rate: 0.1 })
        const tied = adamw().update(both, grad<typeof both, []>(loss)(both), state, { rate: 0.1, free: true })
        expect(tied.model.input).toBe(tied.model.output)
        expect([...tied.model.input.values()]).toEqual([...once.model.input.values()])
      }),
    ))

  test('weights keep the order in memory that they have', () =>
    withDevice(device, () =>
      scope(() => {
        const turned = normal(randomKey(3), { a: 4, b: 3 })
        const model = { w: turned.slice('b', 0, 2) }
        const { state, model: after } = adamw().update(
          model,
          { w: normal(randomKey(4), { b: 2, a: 4 }) as unknown as typeof turned },
          adamw().init(model),
          { rate: 0.1 },
        )
        expect(after.w.axes).toEqual(['a', 'b'])
        expect(state.moments['first']!.w!.axes).toEqual(['a', 'b'])
      }),
    ))
})

test('decay acts where the predicate says', () =>
  scope(() => {
    const model = {
      weight: tensor([1, 1], { a: 2, b: 1 }),
      bias: tensor([1, 1], { head: 2, headWidth: 1 }),
      queryBias: tensor([1], { head: 1, headWidth: 1 }),
      norm: tensor([1], { width: 1 }),
    }
    const zero = {
      weight: tensor([0, 0], { a: 2, b: 1 }),
      bias: tensor([0, 0], { head: 2, headWidth: 1 }),
      queryBias: tensor([0], { head: 1, headWidth: 1 }),
      norm: tensor([0], { width: 1 }),
    }
    const optimizer = adamw({ decay: 0.5, decayed: matricesDecay })
    const { model: after } = optimizer.update(model, zero, optimizer.init(model), { rate: 0.1 })
    expect([...after.weight.values()]).toEqual([Math.fround(0.95), Math.fround(0.95)])
    expect([...after.bias.values()]).toEqual([1, 1])
    expect([...after.queryBias.values()]).toEqual([1])
    expect([...after.norm.values()]).toEqual([1])
  }))

test('errors say what is wrong', () =>
  scope(() => {
    expect(() => adamw({ betas: [0.9, 1] })).toThrow(
      new UsageError({
        operation: 'adamw',
        expected: 'betas[1] of at least 0 and below 1',
        found: '1',
        hint: 'correct that option',
      }),
    )
    expect(() => sgd({ nesterov: true })).toThrow(/momentum above 0/)
    expect(() => lion({ decay: -1 })).toThrow(/decay of at least 0/)
    expect(() => adafactor({ threshold: 0 })).toThrow(/threshold/)
    const model = { w: tensor([1, 2], { a: 2 }) }
    const optimizer = adamw()
    const state = optimizer.init(model)
    const update = (gradient: unknown, rate: number, from = state) =>
      optimizer.update(model, gradient as typeof model, from, { rate })
    expect(() => update(model, NaN)).toThrow(/rate that is a number/)
    expect(() => update({}, 1)).toThrow(/gradient at 'w', found none/)
    expect(() => update({ w: tensor([1, 2], { b: 2 }) }, 1)).toThrow(ShapeError)
    expect(() => update({ w: tensor([1, 2, 3], { a: 3 }) }, 1)).toThrow(/'w' to be f32 a 2, found f32 a 3/)
    expect(() => update(model, 1, lion().init(model))).toThrow(/a state with 'first', found one with mean/)
  }))
