import { describe, expect, test } from 'vitest'
import { leaks, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { clipByGlobalNorm, globalNorm } from './index.js'
import { devices } from './testing/devices.js'
import { expectClose, referenceFolder, tensorsOf, trainingCases } from './testing/reference.js'

describe.each(devices)('clipping on %s', (_, device) => {
  test
    .skipIf(referenceFolder === undefined)
    .each(trainingCases('clipping').map((reference) => [reference.name, reference] as const))(
    '%s equals the reference (set HEED_SHARED to run)',
    (_name, reference) =>
      withDevice(device, () =>
        scope(() => {
          const tensors = tensorsOf(reference)
          const inputs = [...tensors].filter(([name]) => name !== 'norm' && !name.startsWith('clipped.'))
          const tree: Record<string, Tensor> = Object.fromEntries(
            inputs.map(([name, { shape, values }]) => [
              name,
              tensor(values, Object.fromEntries(shape.map((size, i) => [`axis${i}`, size]))),
            ]),
          )
          const { gradient, norm } = clipByGlobalNorm(tree, reference.maximum)
          const close = (name: string, found: ArrayLike<number>): void =>
            expectClose(name, found, tensors.get(name)!.values, {
              tolerance: reference.tolerance[name]!,
              relative: device.floatBytes === 8 ? 3e-7 : undefined,
            })
          close('norm', [norm])
          for (const [name] of inputs) close(`clipped.${name}`, gradient[name]!.values())
        }),
      ),
  )

  test('tied tensors count once, integers not at all, and nothing is left behind', () =>
    withDevice(device, () => {
      const shared = tensor([3, 0], { a: 2 })
      const tree = {
        a: shared,
        b: [shared, tensor([4], { b: 1 })],
        ids: tensor([9], { c: 1 }, { dtype: 'i32' }),
      }
      const before = leaks().tensors
      expect(globalNorm(tree)).toBe(5)
      expect(leaks().tensors).toBe(before)
      scope(() => {
        const { gradient } = clipByGlobalNorm(tree, 2.5)
        expect(gradient.a).toBe(gradient.b[0])
        expect(gradient.a.values()[0]).toBeCloseTo(1.5, 5)
        expect(gradient.ids).toBe(tree.ids)
      })
      expect(leaks().tensors).toBe(before)
    }))

  test('what is not finite shows', () =>
    withDevice(device, () =>
      scope(() => {
        expect(globalNorm([tensor([1, NaN], { a: 2 })])).toBe(NaN)
        expect(globalNorm([tensor([1, -Infinity], { a: 2 })])).toBe(Infinity)
        expect(globalNorm({})).toBe(0)
      }),
    ))
})
