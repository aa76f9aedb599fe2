import { describe, expect, expectTypeOf, test } from 'vitest'
import { randomKey, ShapeError, StateError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { observe } from '../observe/index.js'
import { tap } from '../observe/index.js'
import { interpreter } from '../targets/index.js'
import {
  argmax,
  cast,
  dispose,
  dot,
  exp,
  keep,
  memoryUse,
  mean,
  normal,
  ones,
  scope,
  stopGradient,
  sum,
  tensor,
  type Tensor,
  withDevice,
  zeros,
} from '../tensor/index.js'
import { addGradients } from '../train/accumulate.js'
import { adafactor, adamw, clipByGlobalNorm, globalNorm, lion, sgd } from '../train/index.js'
import { checkpoint, grad, type Gradient, valueAndGrad } from './index.js'

const device = new Device(interpreter)
const on = (run: () => void): void => withDevice(device, () => scope(run))
const x = (): Tensor<'a'> => tensor([1, 2], { a: 2 })

describe('a loss that nothing of the model went into is refused', () => {
  const outside = (own: Tensor<'a'>): Readonly<Record<string, (given: Tensor<'a'>) => Tensor<never>>> => {
    const before = sum(own.mul(own))
    return {
      'a constant': () => zeros({}),
      'of something else': () => sum(ones({ b: 3 })),
      'computed before': () => before,
      'of another tensor with the same numbers': () => sum(tensor([...own.values()], { a: 2 })),
      'of what was read from it': (given) => tensor(given.values()[0]!, {}),
      'beside work on the model that it leaves out': (given) => {
        exp(given)
        return zeros({})
      },
      'through argmax': (given) => cast(argmax(given, 'a'), 'f32'),
      'through whole numbers': (given) => sum(cast(cast(given, 'i32'), 'f32')),
      'from a block that is computed again, of something else': () =>
        checkpoint((other: Tensor<'a'>) => sum(other))(x()),
    }
  }
  test.each(Object.keys(outside(withDevice(device, x))))('%s', (name) =>
    on(() => {
      const own = x()
      const loss = outside(own)[name]!
      for (const take of [grad(loss), valueAndGrad(loss)] as const) {
        expect(() => take(own)).toThrow(UsageError)
        expect(() => take(own)).toThrow(
          /grad: expected a loss that is computed from the model, found one that/,
        )
      }
    }),
  )

  test('a tap that puts something else in its place', () =>
    on(() => {
      const loss = (own: Tensor<'a'>): Tensor<never> => sum(tap('hidden', exp(own)))
      const replaced = (): unknown =>
        observe({ hidden: (value) => zeros(value.shape) }, () => grad(loss)(x()))
      expect(replaced).toThrow(/computed from the model/)
      const half = observe({ hidden: (value) => value.mul(0.5) as never }, () => grad(loss)(x()))
      expect([...half.values()]).toEqual([Math.exp(1) / 2, Math.exp(2) / 2])
    }))

  test("another gradient's values", () =>
    on(() => {
      let kept: Tensor<never> | undefined
      const first = (own: Tensor<'a'>): Tensor<never> => keep((kept = sum(exp(own))))
      valueAndGrad(first)(x())
      expect(() => grad(() => kept!)(x())).toThrow(UsageError)
      expect(() => grad((own: Tensor<'a'>) => sum(own).mul(kept!))(x())).not.toThrow()
    }))

  test('a model without f32 tensors', () =>
    on(() => {
      const ids = tensor([1, 2], { a: 2 }, { dtype: 'i32' })
      expect(() => grad(() => zeros({}))({ ids, name: 'none' })).toThrow(
        /a model with f32 tensors, found none/,
      )
      expect(() => grad(() => zeros({}))({})).toThrow(UsageError)
    }))

  test('nothing is left behind by one', () =>
    withDevice(device, () => {
      const own = x()
      const before = memoryUse()
      expect(() => grad((given: Tensor<'a'>) => (exp(given), zeros({})))(own)).toThrow(UsageError)
      expect(memoryUse()).toEqual(before)
      own.dispose()
    }))

  test('zeros are right where the model has a part whose derivative is 0, or that is stopped', () =>
    on(() => {
      for (const loss of [
        (own: Tensor<'a'>) => sum(own.mul(0)),
        (own: Tensor<'a'>) => sum(stopGradient(own)),
        (own: Tensor<'a'>) => sum(stopGradient(exp(own))).add(1),
        (own: Tensor<'a'>) => sum(checkpoint((given: Tensor<'a'>) => stopGradient(given))(own)),
      ])
        expect([...grad(loss)(x()).values()]).toEqual([0, 0])
    }))
})

test('a loss that was freed, has axes, or is the model itself', () =>
  on(() => {
    const freed = (own: Tensor<'a'>): Tensor<never> => {
      const loss = sum(own)
      loss.dispose()
      return loss
    }
    expect(() => grad(freed)(x())).toThrow(StateError)
    expect(() => grad(freed)(x())).toThrow(/a loss in use, found one that was freed/)
    expect(() => grad((own: Tensor<'a'>) => own as never)(x())).toThrow(ShapeError)
    const scalar = tensor(3, {})
    expect(grad((own: Tensor<never>) => own)(scalar).item()).toBe(1)
    expect(scalar.item()).toBe(3)
  }))

describe('what can have no gradient', () => {
  const model = () => ({
    weight: tensor([2, 3], { a: 2 }),
    ids: tensor([3, 1, 2], { b: 3 }, { dtype: 'i32' }),
    half: tensor([1, 2], { a: 2 }, { dtype: 'bf16' }),
    layers: [{ rate: 0.5, kind: 'gelu' as const, activate: (v: number) => v, bias: undefined, none: null }],
  })
  const loss = (m: ReturnType<typeof model>): Tensor<never> =>
    sum(m.weight.mul(m.weight).mul(m.layers[0]!.rate))

  test('has f32 zeros (tensors) or undefined, in the type as well', () =>
    on(() => {
      const own = model()
      const gradient = grad(loss)(own)
      expect([...gradient.weight.values()]).toEqual([2, 3])
      expect(gradient.ids).not.toBe(own.ids)
      expect([gradient.ids.dtype, [...gradient.ids.values()]]).toEqual(['f32', [0, 0, 0]])
      expect([gradient.half.dtype, [...gradient.half.values()]]).toEqual(['f32', [0, 0]])
      expect(gradient.layers).toEqual([
        { rate: undefined, kind: undefined, activate: undefined, bias: undefined, none: undefined },
      ])
      expectTypeOf(gradient.weight).toEqualTypeOf<Tensor<'a'>>()
      expectTypeOf(gradient.ids).toEqualTypeOf<Tensor<'b'>>()
      expectTypeOf(gradient.layers[0]!.rate).toEqualTypeOf<undefined>()
      expectTypeOf(gradient.layers[0]!.activate).toEqualTypeOf<undefined>()
      expectTypeOf<Gradient<{ readonly bias?: Tensor<'a'> }>>().toEqualTypeOf<{
        readonly bias?: Tensor<'a'>
      }>()
    }))

  test('freeing the gradient leaves the model', () =>
    withDevice(device, () => {
      const own = model()
      const before = memoryUse()
      dispose(grad(loss)(own))
      expect(memoryUse()).toEqual(before)
      expect([...own.ids.values()]).toEqual([3, 1, 2])
      dispose(own)
    }))

  test('optimizers, clipping and sums pass it by', () =>
    on(() => {
      for (const optimizer of [adamw(), sgd({ momentum: 0.9 }), lion(), adafactor()]) {
        const own = model()
        const once = grad(loss)(own)
        const twice = addGradients(own, once, grad(loss)(own), 3)
        expect([...twice.weight.values()]).toEqual([8, 12])
        expect(globalNorm(twice)).toBeCloseTo(Math.hypot(8, 12), 10)
        const { gradient } = clipByGlobalNorm(twice, 1)
        expect(gradient.layers[0]).toHaveProperty('rate', undefined)
        const { model: after } = optimizer.update(own, gradient, optimizer.init(own), { rate: 0.1 })
        expect(after.ids).toBe(own.ids)
        expect(after.half).toBe(own.half)
        expect(after.layers).toEqual(own.layers)
        expect(after.weight.values()[0]).toBeLessThan(2)
      }
    }))
})

describe('gradients inside of gradients', () => {
  const cube = (y: Tensor<'a'>): Tensor<never> => sum(y.mul(y).mul(y))
  test('are refused where the inner one uses what the outer one is taken of', () =>
    on(() => {
      const uses: readonly ((m: Tensor<'a'>) => Tensor<never>)[] = [
        (m) => sum(grad(cube)(m)),
        (m) => sum(grad(cube)(exp(m))),
        // The model is around the inner loss, not its argument.
        (m) => sum(m.mul(grad((y: Tensor<'a'>) => sum(y.mul(m)))(x()))),
        (m) => valueAndGrad((y: Tensor<'a'>) => sum(y.mul(exp(m))))(x()).value.add(sum(m)),
        (m) => sum(checkpoint((y: Tensor<'a'>) => y.mul(grad(cube)(y)))(m)),
      ]
      for (const loss of uses) expect(() => grad(loss)(x())).toThrow(StateError)
    }))

  test('are right where it does not, or takes it as a constant', () =>
    on(() => {
      const inner = grad((m: Tensor<'a'>) => sum(m.mul(grad(cube)(x()))))(x())
      expect([...inner.values()]).toEqual([3, 12])
      const stopped = (m: Tensor<'a'>): Tensor<never> => {
        const fixed = stopGradient(m)
        return sum(m.mul(grad((y: Tensor<'a'>) => sum(y.mul(y).mul(fixed)))(x())))
      }
      expect([...grad(stopped)(x()).values()]).toEqual([2, 8])
    }))
})

describe('a block that is computed again', () => {
  const model = () => ({
    w: normal(randomKey(1), { a: 3, b: 3 }),
    v: normal(randomKey(2), { a: 3, b: 3 }),
    x: normal(randomKey(3), { c: 2, a: 3 }),
  })
  type M = ReturnType<typeof model>
  const block = (m: M, h: Tensor<'c' | 'a'>): Tensor<'c' | 'a'> =>
    dot(exp(dot(h, m.w, 'a').mul(0.1)), m.v, 'b') as unknown as Tensor<'c' | 'a'>
  const numbers = (gradient: M): number[][] =>
    [gradient.w, gradient.v, gradient.x].map((leaf) => [...(leaf as Tensor).values()])
  const plain = (m: M): Tensor<never> => mean(block(m, block(m, m.x)))

  test.each<[string, (m: M) => Tensor<never>]>([
    ['what it is given', (m) => mean(checkpoint(block)(m, checkpoint(block)(m, m.x)))],
    [
      'the model from around it',
      (m) => {
        const again = checkpoint((h: Tensor<'c' | 'a'>) => block(m, h))
        return mean(again(again(m.x)))
      },
    ],
    [
      'a value from around it',
      (m) => {
        const first = block(m, m.x)
        return mean(checkpoint((own: M) => block(own, first))(m))
      },
    ],
    [
      'blocks inside of blocks',
      (m) =>
        mean(
          checkpoint((own: M) => {
            const again = checkpoint((h: Tensor<'c' | 'a'>) => block(m, h))
            return again(again(own.x))
          })(m),
        ),
    ],
    ['itself, given back', (m) => mean(checkpoint((h: Tensor<'c' | 'a'>) => h)(block(m, block(m, m.x))))],
  ])('has the same gradient: %s', (_, loss) =>
    on(() => {
      const own = model()
      const expected = numbers(grad(plain)(own))
      expect(numbers(grad(loss)(own))).toEqual(expected)
    }),
  )
})
