import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { DtypeError, randomKey, ShapeError } from '../../base/index.js'
import { gather, normal, range, sum, tensor, type Tensor, uniform, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

const ids = (numbers: readonly number[], shape: Record<string, number>): Tensor<string> =>
  tensor(numbers, shape, { dtype: 'i32' }) as Tensor<string>

describe.each(devices)('gather on %s', (_, device) => {
  test('takes rows of a table', () =>
    withDevice(device, () => {
      const table = normal(randomKey(1), { vocabulary: 7, width: 37 })
      const found = gather(table, ids([6, 0, 0, 3, 5, 1], { batch: 2, position: 3 }), 'vocabulary')
      expect(found.shape).toEqual({ batch: 2, position: 3, width: 37 })
      const rows = table.values()
      const expected = [6, 0, 0, 3, 5, 1].flatMap((id) => Array.from(rows.subarray(id * 37, (id + 1) * 37)))
      expect([...found.values()]).toEqual(expected)
    }))

  test('from any layout: every order of axes, slices, broadcast axes of the ids', () =>
    withDevice(device, () => {
      const table = normal(randomKey(2), { a: 5, b: 6, c: 18, d: 3 }).slice('c', 1, 18)
      const plain = table.values()
      const at = (a: number, b: number, c: number, d: number): number =>
        plain[((a * 6 + b) * 17 + c) * 3 + d]!
      const wanted = ids([3, 0, 2], { i: 3 })
      const alongA = gather(table, wanted, 'a').values(['i', 'b', 'c', 'd'])
      const alongB = gather(table, wanted, 'b').values(['a', 'i', 'c', 'd'])
      const alongC = gather(table, wanted, 'c').values(['a', 'b', 'd', 'i'])
      const alongD = gather(table, ids([2, 0, 2], { i: 3 }), 'd').values(['a', 'b', 'c', 'i'])
      const picks = [3, 0, 2]
      let [p, q, r, s] = [0, 0, 0, 0]
      for (const i of picks)
        for (let b = 0; b < 6; b++)
          for (let c = 0; c < 17; c++) for (let d = 0; d < 3; d++) expect(alongA[p++]).toBe(at(i, b, c, d))
      for (let a = 0; a < 5; a++)
        for (const i of picks)
          for (let c = 0; c < 17; c++) for (let d = 0; d < 3; d++) expect(alongB[q++]).toBe(at(a, i, c, d))
      for (let a = 0; a < 5; a++)
        for (let b = 0; b < 6; b++)
          for (let d = 0; d < 3; d++) for (const i of picks) expect(alongC[r++]).toBe(at(a, b, i, d))
      for (let a = 0; a < 5; a++)
        for (let b = 0; b < 6; b++)
          for (let c = 0; c < 17; c++) for (const i of [2, 0, 2]) expect(alongD[s++]).toBe(at(a, b, c, i))
    }))

  test('matches the axes that ids and table share', () =>
    withDevice(device, () => {
      const logits = normal(randomKey(3), { batch: 3, position: 50, vocabulary: 11 })
      const numbers = Array.from({ length: 150 }, (_, i) => (i * 7) % 11)
      const plain = logits.values()
      const found = gather(logits, ids(numbers, { batch: 3, position: 50 }), 'vocabulary')
      expect([...found.values()]).toEqual(numbers.map((id, i) => plain[i * 11 + id]))
      // The same with the ids' axes the other way round.
      const turned = ids(numbers, { position: 50, batch: 3 })
      const other = gather(logits, turned, 'vocabulary').values(['position', 'batch'])
      expect([...other]).toEqual(numbers.map((id, i) => plain[((i % 3) * 50 + Math.floor(i / 3)) * 11 + id]))
    }))

  test('puts positions of an axis into another order', () =>
    withDevice(device, () => {
      const x = tensor([1, 2, 3, 4, 5, 6], { row: 3, column: 2 })
      expect([...gather(x, ids([2, 0, 1, 2], { row: 4 }), 'row').values(['row', 'column'])]).toEqual([
        5, 6, 1, 2, 3, 4, 5, 6,
      ])
    }))

  test('narrow tables come back as f32 or i32', () =>
    withDevice(device, () => {
      const numbers = Array.from({ length: 40 }, (_, i) => i - 20)
      const wanted = ids([3, 1], { i: 2 })
      const expected = [...numbers.slice(30, 40), ...numbers.slice(10, 20)]
      for (const dtype of ['f16', 'bf16', 'i8', 'i32'] as const) {
        const found = gather(tensor(numbers, { v: 4, w: 10 }, { dtype }), wanted, 'v')
        expect(found.dtype).toBe(dtype.startsWith('i') ? 'i32' : 'f32')
        expect([...found.values()]).toEqual(expected)
      }
      // Large integers stay exact.
      expect([
        ...gather(
          tensor([2 ** 30 + 1, -(2 ** 31)], { v: 2 }, { dtype: 'i32' }),
          ids([1, 0], { i: 2 }),
          'v',
        ).values(),
      ]).toEqual([-(2 ** 31), 2 ** 30 + 1])
    }))

  test('nothing from nothing', () =>
    withDevice(device, () => {
      const table = normal(randomKey(4), { vocabulary: 3, width: 2 })
      expect(gather(table, ids([], { i: 0 }), 'vocabulary').shape).toEqual({ i: 0, width: 2 })
      expect(gather(table.slice('width', 0, 0), ids([1], { i: 1 }), 'vocabulary').elements).toBe(0)
    }))

  test('the gradient adds up over equal ids, in whatever layout', () =>
    withDevice(device, () => {
      for (const [vocabulary, width, count] of [
        [9, 5, 40],
        [300, 130, 64],
        [5, 1, 100],
        [40000, 3, 7],
      ] as const) {
        const numbers = Array.from({ length: count }, (_, i) => (i * i + 3) % vocabulary)
        const table = normal(randomKey(5), { vocabulary, width })
        const upstream = normal(randomKey(6), { i: count, width })
        const found = grad((t: Tensor<'vocabulary' | 'width'>) =>
          sum(gather(t, ids(numbers, { i: count }) as Tensor<'i'>, 'vocabulary').mul(upstream)),
        )(table).values()
        const expected = new Float64Array(vocabulary * width)
        const from = upstream.values()
        numbers.forEach((id, i) => {
          for (let w = 0; w < width; w++) expected[id * width + w]! += from[i * width + w]!
        })
        const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0)
        expect(error).toBeLessThan(1e-5)
      }
    }))

  test('the gradient with shared axes, the table in another order', () =>
    withDevice(device, () => {
      const logits = normal(randomKey(7), { vocabulary: 4, batch: 2, position: 3, part: 5 })
      const numbers = [3, 3, 0, 1, 2, 3]
      const found = grad((x: typeof logits) =>
        sum(
          gather(
            x,
            ids(numbers, { batch: 2, position: 3 }) as Tensor<'batch' | 'position'>,
            'vocabulary',
          ).mul(range('part', 5).add(1)),
        ),
      )(logits).values(['batch', 'position', 'vocabulary', 'part'])
      expect([...found]).toEqual(
        numbers.flatMap((id) =>
          Array.from({ length: 20 }, (_, i) => (Math.floor(i / 5) === id ? (i % 5) + 1 : 0)),
        ),
      )
    }))

  test('an id out of range is named, with the size', () =>
    withDevice(device, () => {
      const table = normal(randomKey(8), { vocabulary: 8, width: 2 })
      const attempt = (id: number) => () =>
        gather(table, ids([0, 1, 2, id], { batch: 2, position: 2 }), 'vocabulary')
      expect(attempt(8)).toThrow(ShapeError)
      expect(attempt(8)).toThrow(
        /gather: expected ids from 0 to 7 \(axis 'vocabulary' of size 8\), found id 8 at batch 1, position 1; /,
      )
      expect(attempt(-1)).toThrow(/found id -1 at batch 1, position 1/)
      expect(attempt(7)).not.toThrow()
    }))
})

test('the same bits whatever the number of threads', () => {
  const results = devices.slice(1, 3).map(([, device]) =>
    withDevice(device, () => {
      const numbers = Array.from({ length: 2048 }, (_, i) => (i % 3 === 0 ? 5 : (i * 7919) % 700))
      const upstream = uniform(randomKey(9), { i: 2048, width: 256 }, -1, 1)
      return grad((t: Tensor<'vocabulary' | 'width'>) =>
        sum(gather(t, ids(numbers, { i: 2048 }) as Tensor<'i'>, 'vocabulary').mul(upstream)),
      )(normal(randomKey(10), { vocabulary: 700, width: 256 })).values()
    }),
  )
  expect(results[0]).toEqual(results[1])
})

test('wrong tables and ids are refused', () =>
  withDevice(devices[0]![1], () => {
    const table = normal(randomKey(11), { vocabulary: 8, width: 2 })
    expect(() => gather(table, tensor([1], { i: 1 }), 'vocabulary')).toThrow(DtypeError)
    expect(() => gather(table as Tensor<string>, ids([1], { i: 1 }), 'tokens')).toThrow(
      /expected an axis 'tokens'/,
    )
    expect(() => gather(table, ids([1, 1, 1], { width: 3 }) as Tensor<'width'>, 'vocabulary')).toThrow(
      /axis 'width' of size 2, as the table has, found 3/,
    )
  }))
