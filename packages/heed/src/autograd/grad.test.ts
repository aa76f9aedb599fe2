import { describe, expect, test } from 'vitest'
import { randomKey, StateError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import {
  abs,
  activate,
  type Activation,
  concat,
  dot,
  dropout,
  exp,
  expand,
  gather,
  gruCell,
  keep,
  memoryUse,
  log,
  lstmCell,
  map,
  max,
  mean,
  min,
  normal,
  scope,
  sigmoid,
  softplus,
  sqrt,
  stack,
  stopGradient,
  sum,
  tensor,
  type Tensor,
  together,
  withDevice,
} from '../tensor/index.js'
import { checkGradient, checkpoint, grad, valueAndGrad } from './index.js'

const device = new Device(interpreter)
const key = randomKey(7)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))

/** A loss that weighs each element differently, so that no gradient hides in a sum. */
const weigh = (x: Tensor<string>): Tensor<never> =>
  sum(map((v) => v.mul(1.3).sin().add(v.mul(v).mul(0.2)), x) as Tensor<string>) as Tensor<never>

type M = { x: Tensor<'a' | 'b'>; y: Tensor<'b' | 'c'> }
const cases: Record<string, (model: M) => Tensor<string>> = {
  add: ({ x, y }) => x.add(y) as Tensor<string>,
  sub: ({ x, y }) => x.sub(y) as Tensor<string>,
  mul: ({ x, y }) => x.mul(y) as Tensor<string>,
  div: ({ x, y }) => x.div(exp(y)) as Tensor<string>,
  'a number': ({ x, y }) => x.mul(3).add(1).sub(0.5).div(2).add(y.neg()) as Tensor<string>,
  'log, sqrt': ({ x, y }) => log(x.mul(x).add(1)).add(sqrt(exp(y))) as Tensor<string>,
  'abs, sigmoid, softplus': ({ x, y }) => abs(x).add(sigmoid(y)).add(softplus(x)) as Tensor<string>,
  'dot over one axis': ({ x, y }) => dot(x, y, 'b') as Tensor<string>,
  'dot with itself': ({ x, y }) => dot(x, x.rename({ a: 'd' }), 'b').add(mean(y)) as Tensor<string>,
  'dot matched and summed': ({ x, y }) => dot(x.mul(y), y, ['c']) as Tensor<string>,
  'dot with scale, bias and residual': ({ x, y }) =>
    dot(x, y, 'b', { scale: 0.7, bias: mean(y, 'b'), residual: dot(x, y, 'b') }) as Tensor<string>,
  'dot with one bias and residual': ({ x, y }) => {
    const whole = dot(x, y, 'b')
    return dot(x, y, 'b', { bias: whole, residual: whole }) as Tensor<string>
  },
  'dot with an activation': ({ x, y }) =>
    dot(x, y, 'b', {
      scale: 0.7,
      bias: mean(y, 'b'),
      activation: 'gelu',
      residual: mean(x, 'b'),
    }) as Tensor<string>,
  'sum, mean': ({ x, y }) => sum(x, 'a').add(mean(y)) as Tensor<string>,
  'max, min': ({ x, y }) => max(x, 'b').add(min(y, ['b', 'c'])) as Tensor<string>,
  rename: ({ x, y }) => x.rename({ a: 'c' }).mul(y.slice('c', 0, 3)) as Tensor<string>,
  'split and merge': ({ x, y }) =>
    x.merge(['b', 'a'], 'd').split('d', { e: 6, f: 2 }).at('f', 1).add(mean(y)) as Tensor<string>,
  'slice and at': ({ x, y }) =>
    x
      .slice('b', 1, 3)
      .at('a', 2)
      .add(y.slice('b', 1, 3)) as Tensor<string>,
  gather: ({ x, y }) =>
    gather(x, tensor([1, 3, 1, 1], { e: 2, d: 2 }, { dtype: 'i32' }), 'b')
      .slice('e', 0, 1)
      .add(gather(y, tensor([2, 0, 0], { b: 3 }, { dtype: 'i32' }), 'b').slice('b', 0, 3)) as Tensor<string>,
  'gather along shared axes': ({ x, y }) =>
    gather(x, tensor([1, 3, 0], { a: 3 }, { dtype: 'i32' }), 'b').add(
      gather(y, tensor([1, 1, 0, 2], { b: 4 }, { dtype: 'i32' }), 'c'),
    ) as Tensor<string>,
  'concat, stack': ({ x, y }) =>
    concat<string>(
      [x.rename({ a: 'c' }), exp(y), stack([y.at('c', 1), y.at('c', 4)], 'c')] as Tensor<string>[],
      'c',
    ),
  dropout: ({ x, y }) =>
    dropout(x, 0.3, randomKey(1)).add(dropout(y.slice('b', 0, 4), 0.6, randomKey(2))) as Tensor<string>,
  expand: ({ x, y }) =>
    expand(x, { d: 1, e: 2 })
      .mul(expand(y, { d: 1 }))
      .add(expand(expand(x, {}), { f: 3 })) as Tensor<string>,
  'many slices of one': ({ x, y }) => {
    const z = exp(x)
    const overlapping = [0, 1, 2].map((start) => z.slice('b', start, start + 2).mul(start + 1))
    return concat<string>(overlapping as Tensor<string>[], 'b')
      .add(z.at('b', 2).mul(z.at('b', 1)))
      .add(sum(z))
      .add(z.at('a', 0).slice('b', 1, 2).at('b', 0))
      .add(mean(y)) as Tensor<string>
  },
  lstmCell: ({ y }) => {
    const [input, recurrent] = [y.rename({ b: 'gate' }), exp(y).rename({ b: 'gate' })]
    const first = lstmCell(input, recurrent, { hidden: y.at('b', 0), cell: y.at('b', 1) })
    const active = tensor([1, 0, 1, 1, 0], { c: 5 }, { dtype: 'i32' })
    const second = lstmCell(recurrent, input.mul(0.5), first, active)
    return stack<string, 'part'>(
      [second.hidden, second.cell.mul(2)] as Tensor<string>[],
      'part',
    ) as Tensor<string>
  },
  gruCell: ({ x, y }) => {
    const gates = x.rename({ a: 'gate', b: 'c' })
    const recurrent = y.slice('b', 1, 4).slice('c', 1, 5).rename({ b: 'gate' })
    const first = gruCell(gates, recurrent, y.at('b', 0).slice('c', 0, 4))
    return gruCell(recurrent, gates, first, tensor([0, 1, 1, 0], { c: 4 })) as Tensor<string>
  },
  checkpoint: ({ x, y }) =>
    checkpoint((u: Tensor<'a' | 'b'>, v: Tensor<'b' | 'c'>) => exp(dot(u, v, 'b').mul(0.3)))(
      x,
      y,
    ) as Tensor<string>,
  ...Object.fromEntries(
    (['relu', 'gelu', 'gelu-tanh', 'gelu-quick', 'silu', 'tanh', 'sigmoid'] as Activation[]).map((name) => [
      name,
      ({ x }: M) => activate(x, name) as Tensor<string>,
    ]),
  ),
}

describe('gradients equal central differences in f64', () => {
  test.each(Object.entries(cases))('%s', (_, f) =>
    on(() => {
      const model: M = { x: normal(key, { a: 3, b: 4 }), y: normal(randomKey(8), { b: 4, c: 5 }) }
      const { error, at } = checkGradient((m: M) => weigh(f(m)), model)
      expect(error, at).toBeLessThan(1e-7)
    }),
  )
})

test('equals share the gradient of max', () =>
  on(() => {
    expect([...grad((x: Tensor<'a'>) => max(x))(tensor([1, 3, 3, 0], { a: 4 })).values()]).toEqual([
      0, 0.5, 0.5, 0,
    ])
  }))

test('a tree keeps its type, and what the loss does not touch gets zeros', () =>
  on(() => {
    const model = {
      used: tensor([2], { a: 1 }),
      layers: [{ unused: tensor([1, 1], { a: 2 }) }],
      ids: tensor([3], { a: 1 }, { dtype: 'i32' }),
    }
    const { value, gradient } = valueAndGrad((m: typeof model) => sum(m.used.mul(m.used)))(model)
    expect(value.item()).toBe(4)
    expect([...gradient.used.values()]).toEqual([4])
    expect([...gradient.layers[0]!.unused.values()]).toEqual([0, 0])
    expect(gradient.ids.dtype).toBe('f32')
    expect([...gradient.ids.values()]).toEqual([0])
  }))

test('a loss that is no scalar is refused', () =>
  on(() => {
    expect(() => grad((x: Tensor<'a'>) => x as never)(tensor([1, 2], { a: 2 }))).toThrow(/scalar loss/)
  }))

test.each([
  ['a number', () => 3, /found number/],
  ['nothing', () => undefined, /found undefined/],
  ['a promise', async () => tensor([1], {}), /found a promise/],
])('a loss that is %s is refused', (_, loss, says) =>
  on(() => {
    const call = (): unknown => grad(loss as never)(tensor([1, 2], { a: 2 }))
    expect(call).toThrow(UsageError)
    expect(call).toThrow(says)
  }),
)

test('a gradient of a gradient is refused, not given as zeros; one of something else is not', () =>
  on(() => {
    const cube = (y: Tensor<'a'>): Tensor<never> => sum(y.mul(y).mul(y))
    const x = tensor([1, 2], { a: 2 })
    expect(() => grad((y: Tensor<'a'>) => sum(grad(cube)(y)))(x)).toThrow(StateError)
    const constant = tensor([3, 4], { a: 2 })
    const found = grad((y: Tensor<'a'>) => sum(y.mul(grad(cube)(constant))))(x)
    expect([...found.values()]).toEqual([27, 48])
  }))

test('what is taken as a constant gets no gradient', () =>
  on(() => {
    const x = tensor([1, 2], { a: 2 })
    const found = grad((y: Tensor<'a'>) => sum(y.mul(stopGradient(exp(y)))))(x)
    expect([...found.values()]).toEqual([Math.exp(1), Math.exp(2)])
    expect([...grad((y: Tensor<'a'>) => sum(stopGradient(y)))(x).values()]).toEqual([0, 0])
  }))

test('the gradients of a product lie in memory as its sides do', () =>
  on(() => {
    const steps = (t: Tensor<'position' | 'width' | 'hidden'>): Record<string, number> =>
      Object.fromEntries(t.layout.map(({ name, stride }) => [name, stride]))
    const x = normal(key, { position: 5, width: 3 })
    const weight = normal(key, { width: 3, hidden: 4 })
    const found = grad((m: { x: typeof x; weight: typeof weight }) => sum(dot(m.x, m.weight, 'width')))({
      x,
      weight,
    })
    expect(steps(found.x as never)).toEqual({ position: 3, width: 1 })
    expect(steps(found.weight as never)).toEqual({ width: 4, hidden: 1 })
  }))

test('products that run together, activated ones included, have the gradients of each', () => {
  const model = () => ({
    x: normal(randomKey(1), { a: 5, b: 3 }),
    u: normal(randomKey(2), { b: 3, c: 4 }),
    v: normal(randomKey(3), { b: 3, c: 4 }),
  })
  // Each on a device of its own: what is not written yet must not hold what the other way left there.
  const found = (run: <T>(work: () => T) => T): unknown =>
    withDevice(new Device(interpreter), () =>
      scope(() => {
        const { value, gradient } = valueAndGrad(({ x, u, v }: ReturnType<typeof model>) => {
          const [one, other] = run(() => [dot(x, u, 'b', { activation: 'gelu' }), dot(x, v, 'b')] as const)
          return weigh(one.mul(other) as never)
        })(model())
        return [value, gradient.x, gradient.u, gradient.v].map((tensor) => tensor.values())
      }),
    )
  expect(found(together)).toEqual(found((work) => work()))
})

test('nothing is left behind, inner scopes included', () =>
  withDevice(device, () => {
    const x = keep(normal(key, { a: 8, b: 8 }))
    const before = memoryUse()
    for (let step = 0; step < 5; step++) {
      scope(() => {
        grad((u: Tensor<'a' | 'b'>) => sum(scope(() => exp(u.mul(0.1))).mul(u)))(x)
      })
    }
    expect(memoryUse().tensors).toBe(before.tensors)
    x.dispose()
  }))
