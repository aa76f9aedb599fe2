import { describe, expect, test } from 'vitest'
import { memoryUse, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { clipByGlobalNorm, clipFactor, DivergenceError, globalNorm } from './index.js'
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
      const before = memoryUse().tensors
      expect(globalNorm(tree)).toBe(5)
      expect(memoryUse().tensors).toBe(before)
      scope(() => {
        const { gradient } = clipByGlobalNorm(tree, 2.5)
        expect(gradient.a).toBe(gradient.b[0])
        expect(gradient.a.values()[0]).toBeCloseTo(1.5, 5)
        expect(gradient.ids).toBe(tree.ids)
      })
      expect(memoryUse().tensors).toBe(before)
    }))

  test('from the least float to the largest', () =>
    withDevice(device, () =>
      scope(() => {
        for (const size of [1e-44, 1e-30, 1e-20, 1e-9, 1, 1e9, 1e20, 1e30, 1e38]) {
          const numbers = Float32Array.from({ length: 1000 }, (_, i) => size * Math.sin(i + 1))
          const exact = Math.hypot(...numbers)
          const found = globalNorm([tensor(numbers, { i: 1000 })])
          expect(Math.abs(found / exact - 1), String(size)).toBeLessThan(size < 1e-38 ? 1e-3 : 1e-6)
          const both = globalNorm([tensor(numbers, { i: 1000 }), tensor([0.75], { j: 1 })])
          expect(Math.abs(both / Math.hypot(exact, 0.75) - 1)).toBeLessThan(1e-6)
          const { gradient, norm } = clipByGlobalNorm([tensor(numbers, { i: 1000 })], 1)
          expect(norm).toBe(found)
          const factor = Math.min(1, 1 / (exact + 1e-6))
          gradient[0]!.values().forEach((value, i) => {
            expect(Math.abs(value - numbers[i]! * factor)).toBeLessThanOrEqual(
              1e-6 * Math.abs(numbers[i]! * factor) + 1e-44,
            )
          })
        }
        expect(globalNorm([tensor([], { i: 0 }), tensor([0, -0], { j: 2 })])).toBe(0)
      }),
    ))

  test('what is not finite is not scaled', () =>
    withDevice(device, () =>
      scope(() => {
        for (const value of [NaN, Infinity])
          expect(() => clipByGlobalNorm([tensor([1, value], { a: 2 })], 1)).toThrow(DivergenceError)
        expect(() => clipFactor(Infinity, 1)).toThrow(/norm of Infinity/)
      }),
    ))

  test('what is not finite shows', () =>
    withDevice(device, () =>
      scope(() => {
        expect(globalNorm([tensor([1, NaN], { a: 2 })])).toBe(NaN)
        expect(globalNorm([tensor([1, -Infinity], { a: 2 })])).toBe(Infinity)
        expect(globalNorm({})).toBe(0)
      }),
    ))
})
