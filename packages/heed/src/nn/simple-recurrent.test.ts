import { describe, expect, test } from 'vitest'
import { randomKey, StateError } from '../base/index.js'
import { grad } from '../autograd/index.js'
import { collect } from '../observe/index.js'
import { normal, scope, slice, sum, withDevice } from '../tensor/index.js'
import {
  createRecurrentBlock,
  normalInitializer,
  RowCaches,
  type Sequence,
  simpleRecurrent,
} from './index.js'
import { KeyValueCache } from './cache.js'
import { referenceDevices } from './testing/reference.js'

const width = 5
const make = (): ReturnType<typeof createRecurrentBlock>['recurrent'] =>
  createRecurrentBlock(randomKey(1), {
    width,
    heads: 1,
    hidden: 2,
    initializer: normalInitializer(0.7),
  }).recurrent
const input = (positions: number, batch = 1): Sequence =>
  normal(randomKey(2), { batch, position: positions, width })
const axes = ['batch', 'position', 'width'] as const
const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  a.length === b.length ? Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!))) : Infinity

describe.each(referenceDevices.map((device) => [device.name, device] as const))('on %s', (_, device) => {
  const tolerance = device.floatBytes === 8 ? 1e-12 : 1e-6
  const on = (work: () => void): void => withDevice(device, () => scope(work))

  test('equals its definition, number by number', () =>
    on(() => {
      const [parameters, x] = [make(), input(4, 2)]
      const { result, values } = collect(['candidate', 'forget', 'cell', 'output'], () =>
        simpleRecurrent(parameters, x),
      )
      const numbers = x.values(axes)
      const weights = [parameters.candidate, parameters.forget].map(({ weight }) =>
        weight.values(['width', 'unit']),
      )
      const bias = parameters.forget.bias!.values()
      const expected: number[] = []
      for (let batch = 0; batch < 2; batch++) {
        const cell = new Float64Array(width)
        for (let position = 0; position < 4; position++)
          for (let unit = 0; unit < width; unit++) {
            const dot = (of: ArrayLike<number>): number =>
              Array.from({ length: width }).reduce<number>(
                (total, __, i) =>
                  total + numbers[(batch * 4 + position) * width + i]! * of[i * width + unit]!,
                0,
              )
            const forget = 1 / (1 + Math.exp(-dot(weights[1]!) - bias[unit]!))
            cell[unit] = forget * cell[unit]! + (1 - forget) * dot(weights[0]!)
            expected.push(Math.max(0, cell[unit]!))
          }
      }
      expect(largest(result.values(axes), expected)).toBeLessThan(tolerance)
      expect([...values.keys()].sort()).toEqual(['candidate', 'cell', 'forget', 'output'])
    }))

  test('goes on from a cache, which may forget and be forked', () =>
    on(() => {
      const [parameters, x] = [make(), input(6)]
      const whole = simpleRecurrent(parameters, x).values(axes)
      using cache = new KeyValueCache({ dtype: 'bf16' })
      const step = (of: KeyValueCache, from: number, to: number): ArrayLike<number> =>
        simpleRecurrent(parameters, slice(x, 'position', from, to), { cache: of.layer(0) }).values(axes)
      step(cache, 0, 5)
      cache.truncate(3)
      expect(cache.length).toBe(3)
      using fork = cache.fork()
      for (const one of [cache, fork]) {
        expect(largest(step(one, 3, 4), whole.subarray(3 * width, 4 * width))).toBeLessThan(tolerance)
        expect(largest(step(one, 4, 6), whole.subarray(4 * width))).toBeLessThan(tolerance)
        expect(one.length).toBe(6)
      }
    }))

  test('rows are alone, and may wait', () =>
    on(() => {
      const [parameters, x] = [make(), input(6)]
      using caches = new RowCaches(3)
      const run = (from: number, lengths: readonly number[]): ArrayLike<number> => {
        const to = from + lengths.reduce((total, length) => total + length, 0)
        const rows = { lengths, caches: caches.layer(0) }
        return simpleRecurrent(parameters, slice(x, 'position', from, to), { rows }).values(axes)
      }
      const alone = (from: number, to: number): ArrayLike<number> =>
        simpleRecurrent(parameters, slice(x, 'position', from, to)).values(axes)
      expect(
        largest(run(0, [2, 0, 1]), [...Array.from(alone(0, 2)), ...Array.from(alone(2, 3))]),
      ).toBeLessThan(tolerance)
      // The first row goes on with what the last one had, the second begins.
      caches.keep([2, 1])
      expect(
        largest(run(3, [1, 2]), [...Array.from(alone(2, 4)).slice(width), ...Array.from(alone(4, 6))]),
      ).toBeLessThan(tolerance)
      expect(caches.lengths).toEqual([2, 2])
    }))

  test('no gradient goes through a cache', () =>
    on(() => {
      const x = input(2)
      using cache = new KeyValueCache()
      const loss = (parameters: ReturnType<typeof make>): ReturnType<typeof sum<never>> =>
        sum(simpleRecurrent(parameters, x, { cache: cache.layer(0) }), [...axes]) as never
      expect(() => grad(loss)(make())).toThrow(StateError)
    }))
})
