import { describe, expect, test } from 'vitest'
import { checkGradient } from '../autograd/index.js'
import { randomKey, ShapeError } from '../base/index.js'
import { Device } from '../device/index.js'
import { normalInitializer } from '../nn/index.js'
import { interpreter } from '../targets/index.js'
import { map, normal, quantize, sum, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import { createPatchEmbedding, embedPatches, interpolatedPositions, patchGrid, type Pixels } from './index.js'

const shape = { channels: 3, patch: 2, width: 5, initializer: normalInitializer(0.5) }
const picture = (height: number, width: number, seed = 2): Pixels =>
  normal(randomKey(seed), { batch: 2, channel: 3, height, width })

describe.each(devices)('%s', (_, device) => {
  test('a patch is the product of its levels with the kernel, row by row', () => {
    withDevice(device, () => {
      const embedding = createPatchEmbedding(randomKey(1), shape)
      // One row and one column of pixels are left over.
      const pixels = picture(5, 7)
      const found = embedPatches(embedding, pixels, 2).values(['batch', 'position', 'width'])
      const levels = pixels.values(['batch', 'channel', 'height', 'width'])
      const kernel = embedding.weight.values(['width', 'channel', 'row', 'column'])
      const expected: number[] = []
      for (let batch = 0; batch < 2; batch++)
        for (let y = 0; y < 2; y++)
          for (let x = 0; x < 3; x++)
            for (let out = 0; out < 5; out++) {
              let total = 0
              for (let channel = 0; channel < 3; channel++)
                for (let row = 0; row < 2; row++)
                  for (let column = 0; column < 2; column++)
                    total +=
                      levels[((batch * 3 + channel) * 5 + 2 * y + row) * 7 + 2 * x + column]! *
                      kernel[((out * 3 + channel) * 2 + row) * 2 + column]!
              expected.push(total)
            }
      expect(found.length).toBe(expected.length)
      expect(Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)))).toBeLessThan(1e-5)
    })
  })
})

test('the gradient of patches and of interpolated positions is that of central differences', () => {
  withDevice(new Device(interpreter), () => {
    const loss = ({ embedding, pixels, table }: typeof model): Tensor<never> => {
      const grid = patchGrid(4, 6, 2)
      const positions = interpolatedPositions(table, { rows: 2, columns: 2 }, grid, 1)
      const x = embedPatches(embedding, pixels, 2).add(positions.slice('position', 1, 7))
      return sum(map((v) => v.mul(1.3).sin().add(v.mul(v).mul(0.2)), x)) as Tensor<never>
    }
    const model = {
      embedding: createPatchEmbedding(randomKey(1), shape),
      pixels: picture(4, 6),
      table: normal(randomKey(3), { position: 5, width: 5 }),
    }
    expect(checkGradient(loss, model).error).toBeLessThan(1e-7)
  })
})

test('a quantized kernel gives nearly the same', () => {
  const embedding = createPatchEmbedding(randomKey(1), shape)
  const pixels = picture(4, 4)
  const rounded = { ...embedding, weight: quantize(embedding.weight, ['channel', 'row', 'column'], 'int8') }
  const [exact, found] = [embedding, rounded].map((one) => embedPatches(one, pixels, 2).values())
  expect(Math.max(...exact!.map((value, i) => Math.abs(value - found![i]!)))).toBeLessThan(0.05)
})

test('positions of the grid that they were learned on stay; others are what PyTorch interpolates', () => {
  const numbers = Float32Array.from({ length: 17 }, (_, i) => (i === 0 ? -9 : (i - 1) % 4))
  const table = tensor(numbers, { position: 17, width: 1 })
  expect(interpolatedPositions(table, { rows: 4, columns: 4 }, { rows: 4, columns: 4 }, 1)).toBe(table)
  const found = interpolatedPositions(table, { rows: 4, columns: 4 }, { rows: 2, columns: 8 }, 1)
  const row = [-0.10546875, 0.19140625, 0.66796875, 1.296875, 1.703125, 2.33203125, 2.80859375, 3.10546875]
  const values = [...found.values(['position', 'width'])]
  expect(values.map((value) => Number(value.toFixed(6)))).toEqual(
    [-9, ...row, ...row].map((value) => Number(value.toFixed(6))),
  )
})

test('a picture smaller than a patch is refused', () => {
  expect(() => patchGrid(7, 16, 8)).toThrow(ShapeError)
  expect(() => patchGrid(16, 7, 8)).toThrow('one patch')
})
