import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { ggufTypesByName, readGguf, readSafetensors } from '../formats/index.js'
import { type BlockFormat, blockFormats, blockSize, packings } from '../kernels/index.js'
import { multiplicationFor } from '../kernels/quantized/format.js'
import { quantizeRow } from '../kernels/quantized/plain.js'
import {
  dequantize,
  dotQuantized,
  gatherQuantized,
  memoryUse,
  normal,
  quantizedFrom,
  scope,
  tensor,
  withDevice,
} from './index.js'
import { devices } from './testing/devices.js'
import { randomBlocks } from './testing/random-blocks.js'

/** What a file's blocks stand for, in f32, by the format's definition. */
function numbersOf(format: BlockFormat, blocks: Uint8Array): Float32Array {
  const { weights, bytes } = blockSize(format)
  const numbers = new Float32Array((blocks.length / bytes) * weights)
  ggufTypesByName.get(format)!.dequantize(blocks, numbers)
  return numbers
}

/** The same bits; the interpreter's numbers are rounded to f32 first. */
function expectSameBits(found: ArrayLike<number>, expected: Float32Array): void {
  const numbers = Float32Array.from(found)
  const same = Buffer.from(numbers.buffer).equals(
    Buffer.from(expected.buffer, expected.byteOffset, expected.byteLength),
  )
  if (same) return
  const at = numbers.findIndex((value, i) => !Object.is(value, expected[i]))
  expect.fail(`${numbers[at]} instead of ${expected[at]} at ${at} of ${expected.length}`)
}

const reference = join(process.env['HEED_SHARED'] ?? '', 'reference/real/gguf')

describe.skipIf(!existsSync(join(reference, 'expected.safetensors')))(
  'blocks of the reference (set HEED_SHARED to run)',
  () => {
    test.each(devices)('%s: stand for the same numbers, bit for bit', (_, device) => {
      const { tensors } = readSafetensors(readFileSync(join(reference, 'expected.safetensors')))
      withDevice(device, () =>
        scope(() => {
          for (const format of blockFormats) {
            const file = readGguf(readFileSync(join(reference, `${format}.gguf`)))
            const [blocks] = [...file.tensors.values()].map((each) => each.bytes())
            const weights = quantizedFrom(format, blocks!, { row: 3, column: 512 }, 'column')
            expectSameBits(dequantize(weights).values(), tensors.get(`matrix.${format}`)!.toFloat32())
          }
        }),
      )
    })
  },
)

describe.each(devices)('%s', (_, device) => {
  const { machine } = device.target

  test.each(blockFormats)('%s: the numbers of random blocks, whole, by rows and looked up', (format) => {
    withDevice(device, () =>
      scope(() => {
        const [rows, depth] = [37, 512]
        const blocks = randomBlocks(format, rows * depth, 7)
        const expected = numbersOf(format, blocks)
        const shape = { head: 37, width: 32, headWidth: 16 }
        const weights = quantizedFrom(format, blocks, shape, ['width', 'headWidth'])
        expect(weights.format).toBe(format)
        expect(weights.describe()).toBe(
          `${format} head 37, width 32, headWidth 16, summed over width, headWidth`,
        )
        expectSameBits(dequantize(weights).values(), expected)

        const order = Int32Array.from({ length: rows }, (_, i) => (i * 5 + 3) % rows)
        const turned = quantizedFrom(format, blocks, { row: rows, width: depth }, 'width', { rows: order })
        const rowOf = (row: number): Float32Array => expected.subarray(row * depth, (row + 1) * depth)
        const ids = tensor([0, 36, 17, 17, 1], { position: 5 }, { dtype: 'i32' })
        const found = gatherQuantized(turned, ids, 'row').values()
        ;[0, 36, 17, 17, 1].forEach((id, i) =>
          expectSameBits(found.slice(i * depth, (i + 1) * depth), rowOf(order[id]!)),
        )
      }),
    )
  })

  test.each(blockFormats)(
    '%s: products are those of the numbers with what activations are rounded to',
    (format) => {
      withDevice(device, () =>
        scope(() => {
          const { weights: least } = blockSize(format)
          for (const [columns, depth] of [
            [1, Math.max(32, least)],
            [19, 256],
            [70, 512],
          ] as const) {
            const blocks = randomBlocks(format, columns * depth, columns)
            const numbers = numbersOf(format, blocks)
            const weights = quantizedFrom(format, blocks, { column: columns, width: depth }, 'width')
            let alone: number[] | undefined
            for (const rows of [64, 1, 2, 3, 5, 17]) {
              const x = normal(randomKey(4), { row: 64, width: depth }).slice('row', 0, rows)
              const found = [...dotQuantized(x, weights).values()]
              const { worst, at } = farthest(x.values(), numbers, found, rows, columns, depth, format)
              if (!(worst <= 1)) expect.fail(`${rows} × ${depth} × ${columns}: ${at}, ${worst} of the bound`)
              // The same bits, whatever else is multiplied.
              alone ??= found
              expect(found.every((value, i) => Object.is(value, alone![i]))).toBe(true)
            }
          }
        }),
      )
    },
  )

  /** The largest difference from the sum in f64, as a share of what rounding may cost. */
  function farthest(
    x: ArrayLike<number>,
    weights: Float32Array,
    found: readonly number[],
    rows: number,
    columns: number,
    depth: number,
    format: BlockFormat,
  ): { worst: number; at: string } {
    const { group, minimum } = packings[format]
    let [worst, at] = [0, '']
    for (let row = 0; row < rows; row++) {
      const plain = Array.from({ length: depth }, (_, i) => x[row * depth + i]!)
      const { values } = quantizeRow(format, multiplicationFor(format, machine), plain)
      for (let column = 0; column < columns; column++) {
        let [sum, magnitude, doubt] = [0, 0, 0]
        for (let i = 0; i < depth; i++) {
          const weight = weights[column * depth + i]!
          sum += values[i]! * weight
          magnitude += Math.abs(values[i]! * weight)
          // Halfway between two whole numbers f32 may round to either.
          const step = group === 'column' ? 0 : stepOf(plain, i, group)
          if (step > 0 && Math.abs(Math.abs((plain[i]! / step) % 1) - 0.5) < 1e-4)
            doubt += step * Math.abs(weight)
        }
        const roundings = group === 'column' ? depth : (4 * depth) / group
        // Where there is a minimum its part and the scale's may be larger than their sum.
        const bound = doubt + 2 ** -24 * roundings * magnitude * (minimum ? 8 : 1) + 1e-30
        const share = Math.abs(found[row * columns + column]! - sum) / bound
        if (!(share <= worst)) [worst, at] = [share, `row ${row}, column ${column}`]
      }
    }
    return { worst, at }
  }

  test('take about the bytes of the file', () => {
    withDevice(device, () =>
      scope(() => {
        for (const format of blockFormats) {
          const before = memoryUse().bytes
          const blocks = randomBlocks(format, 96 * 512, 1)
          const { bytes } = quantizedFrom(format, blocks, { column: 96, width: 512 }, 'width')
          expect(memoryUse().bytes - before).toBe(bytes)
          const most =
            (
              { Q2_K: 2, Q3_K: 1.4, IQ4_NL: 1.9, IQ4_XS: 2.05, Q4_K: 1.03, Q5_K: 1.03 } as Record<
                string,
                number
              >
            )[format] ?? 1.002
          // Where f16 isn't loaded scales are f32.
          if (machine.loadsF16) expect(bytes / blocks.length).toBeLessThanOrEqual(most)
          else
            expect(bytes / blocks.length).toBeLessThanOrEqual(most * (machine.floatBytes === 4 ? 1.25 : 1.75))
        }
      }),
    )
  })

  test('what does not fit is refused', () => {
    withDevice(device, () =>
      scope(() => {
        const blocks = randomBlocks('Q8_0', 2 * 64, 1)
        const made = (over: string, bytes = blocks, rows?: Int32Array): unknown =>
          quantizedFrom('Q8_0', bytes, { row: 2, width: 64 }, over as 'width', { rows })
        expect(() => made('height')).toThrow(/an axis 'height' to sum over/)
        expect(() => made('row')).toThrow(/rows of a multiple of 32 numbers/)
        expect(() => made('width', blocks.subarray(1))).toThrow(/136 bytes.*found 135/s)
        expect(() => made('width', blocks, Int32Array.of(0))).toThrow(/2 rows from 0 to 1.*1 rows/s)
        expect(() => made('width', blocks, Int32Array.of(0, 2))).toThrow(/row 2/)
        expect(() => quantizedFrom('IQ1_S' as never, blocks, { row: 2, width: 64 }, 'width')).toThrow(/IQ1_S/)
      }),
    )
  })
})

function stepOf(row: readonly number[], place: number, group: number): number {
  const start = place - (place % group)
  return row.slice(start, start + group).reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
}
