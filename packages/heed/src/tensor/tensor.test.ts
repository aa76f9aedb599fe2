import { describe, expect, test } from 'vitest'
import { Device } from '../device/index.js'
import { interpreter, wasmFeatures, wasmTarget } from '../targets/index.js'
import { dot, gelu, map, max, mean, sum, tensor, withDevice } from './index.js'

const devices = [
  new Device(interpreter),
  new Device(wasmTarget({ lanes: 4, relaxed: wasmFeatures().relaxed, shared: true }), {
    shared: true,
    threads: 2,
  }),
  new Device(wasmTarget({ lanes: 8, relaxed: false, shared: false })),
]

describe.each(devices.map((device) => [`${device.name} ${device.target.machine.lanes}`, device] as const))(
  'tensors on %s',
  (_, device) => {
    test('broadcast by name', () =>
      withDevice(device, () => {
        const x = tensor([1, 2, 3, 4, 5, 6], { row: 2, column: 3 })
        const y = tensor([10, 20, 30], { column: 3 })
        expect([...x.add(y).values()]).toEqual([11, 22, 33, 14, 25, 36])
        expect([...y.add(x).values(['row', 'column'])]).toEqual([11, 22, 33, 14, 25, 36])
        expect([...x.mul(2).sub(1).values(['column', 'row'])]).toEqual([1, 7, 3, 9, 5, 11])
      }))
    test('reduce any axes', () =>
      withDevice(device, () => {
        const n = 3 * 37 * 70
        const data = Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 101) - 50)
        const x = tensor(data, { a: 3, b: 37, c: 70 })
        for (const axes of [
          ['a'],
          ['b'],
          ['c'],
          ['a', 'b'],
          ['a', 'c'],
          ['b', 'c'],
          ['a', 'b', 'c'],
        ] as const) {
          const kept = (['a', 'b', 'c'] as const).filter(
            (name) => !(axes as readonly string[]).includes(name),
          )
          const expected = new Map<string, number>()
          const largest = new Map<string, number>()
          for (let a = 0; a < 3; a++)
            for (let b = 0; b < 37; b++)
              for (let c = 0; c < 70; c++) {
                const key = kept.map((name) => ({ a, b, c })[name]).join()
                const value = data[(a * 37 + b) * 70 + c]!
                expected.set(key, (expected.get(key) ?? 0) + value)
                largest.set(key, Math.max(largest.get(key) ?? -Infinity, value))
              }
          expect([...sum(x, axes as never).values(kept as never)]).toEqual([...expected.values()])
          expect([...max(x, axes as never).values(kept as never)]).toEqual([...largest.values()])
        }
        expect(mean(x).item()).toBeCloseTo(data.reduce((p, q) => p + q, 0) / n, 5)
      }))
    test('reduces many numbers to one in parts', () =>
      withDevice(device, () => {
        const data = Float32Array.from({ length: 300_001 }, (_, i) => (i % 7) - 3)
        expect(sum(tensor(data, { a: data.length })).item()).toBe(data.reduce((p, q) => p + q, 0))
        const rows = tensor(data.subarray(0, 300_000), { a: 100_000, b: 3 })
        expect([...sum(rows, 'a').values()]).toEqual(
          [0, 1, 2].map((b) => data.subarray(0, 300_000).reduce((p, q, i) => (i % 3 === b ? p + q : p), 0)),
        )
      }))
    test('views move no element', () =>
      withDevice(device, () => {
        const x = tensor(
          Float32Array.from({ length: 24 }, (_, i) => i),
          { batch: 2, width: 12 },
        )
        const heads = x.split('width', { head: 3, inner: 4 })
        expect(heads.shape).toEqual({ batch: 2, head: 3, inner: 4 })
        expect([...heads.at('head', 1).values()]).toEqual([4, 5, 6, 7, 16, 17, 18, 19])
        expect([...heads.merge(['inner', 'head'], 'width').at('batch', 0).values()]).toEqual([
          0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11,
        ])
        expect([...heads.merge(['head', 'inner'], 'width').values()]).toEqual([...x.values()])
        expect([...x.slice('width', 3, 5).add(0).values()]).toEqual([3, 4, 15, 16])
      }))
    test('dot sums over named axes', () =>
      withDevice(device, () => {
        const q = tensor(
          Float32Array.from({ length: 2 * 5 * 3 }, (_, i) => i % 5),
          { batch: 2, query: 5, width: 3 },
        )
        const k = tensor(
          Float32Array.from({ length: 2 * 4 * 3 }, (_, i) => (i % 3) - 1),
          { batch: 2, key: 4, width: 3 },
        )
        const scores = dot(q, k, 'width')
        expect(scores.shape).toEqual({ batch: 2, query: 5, key: 4 })
        const [qv, kv] = [q.values(), k.values()]
        const expected = Float32Array.from({ length: 40 }, (_, i) => {
          const [b, x, y] = [Math.floor(i / 20), Math.floor(i / 4) % 5, i % 4]
          let total = 0
          for (let w = 0; w < 3; w++) total += qv[(b * 5 + x) * 3 + w]! * kv[(b * 4 + y) * 3 + w]!
          return total
        })
        expect([...scores.values()]).toEqual([...expected])
      }))
    test('map traces a function', () =>
      withDevice(device, () => {
        const x = tensor([-1, 0, 2, 5], { a: 4 })
        const y = tensor([3, 1], { b: 2 })
        expect([...map((u, v) => u.mul(v).add(1), x, y).values()]).toEqual([-2, 0, 1, 1, 7, 3, 16, 6])
        if (device.name === 'interpreter') expect(gelu(x).values()[2]).toBeCloseTo(1.9544997, 6)
      }))
  },
)
