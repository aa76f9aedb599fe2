import { freemem } from 'node:os'
import { expect, test } from 'vitest'
import { Device } from '../device/index.js'
import { wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import { argmax, dot, gather, heapView, scope, sum, tensor, withDevice, zeros } from './index.js'

// One operand that lies from the heap's start to beyond 2 GiB: 640 million numbers, 2.4 GiB.
const [rows, width] = [1_250_000, 512]
const enough = freemem() > 5 * 2 ** 30

const { relaxed } = wasmFeatures()
const targets = [
  ['wasm', () => wasmTarget({ lanes: 4, relaxed, shared: true })],
  ...x64Widths().map((bits) => [`x64, ${bits} bits`, () => x64Target({ width: bits })] as const),
] as const

test.skipIf(!enough).each(targets)(
  `%s: what reads one operand across 2 GiB (needs 5 GiB of free memory)`,
  (_, make) => {
    const device = new Device(make(), { shared: true, threads: 2 })
    withDevice(device, () =>
      scope(() => {
        const table = zeros({ row: rows, width })
        const numbers = heapView(table)
        const places = [0, 1_048_574, 1_048_575, 1_048_576, 1_048_577, rows - 1]
        for (const [i, row] of places.entries()) numbers.fill(i + 1, row * width, row * width + width)
        const ids = tensor([...places, 5], { place: 7 }, { dtype: 'i32' })
        expect([...gather(table, ids, 'row').at('width', 511).values()]).toEqual([1, 2, 3, 4, 5, 6, 0])
        expect(sum(table).item()).toBe(21 * width)
        const totals = sum(table, 'width')
        expect(places.map((row) => totals.at('row', row).item())).toEqual(
          [1, 2, 3, 4, 5, 6].map((n) => n * width),
        )
        expect(argmax(totals, 'row').item()).toBe(rows - 1)
        const end = table.slice('row', rows - 3, rows)
        expect([...end.add(1).at('width', 0).values()]).toEqual([1, 1, 7])
        const product = dot(end, table.slice('row', rows - 1, rows).rename({ row: 'other' }), 'width')
        expect([...product.values()]).toEqual([0, 0, 36 * width])
        const vector = tensor(new Float32Array(width).fill(2), { width })
        const dots = dot(table, vector, 'width')
        expect(places.map((row) => dots.at('row', row).item())).toEqual(
          [1, 2, 3, 4, 5, 6].map((n) => 2 * n * width),
        )
      }),
    )
    device.close()
  },
)
