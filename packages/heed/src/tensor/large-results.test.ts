import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { x64Target, x64Widths } from '../targets/index.js'
import {
  add,
  gelu,
  layerNorm,
  logSoftmax,
  mul,
  normal,
  scope,
  slice,
  softmax,
  type Tensor,
  withDevice,
} from './index.js'

const operations: Readonly<
  Record<string, (x: Tensor<'row' | 'width'>, beside: Tensor<'width'>) => Tensor<'row' | 'width'>>
> = {
  add: (x, beside) => add(x, beside),
  gelu: (x) => gelu(x),
  softmax: (x) => softmax(x, 'width'),
  'log softmax': (x) => logSoftmax(x, 'width'),
  'layer norm': (x, beside) => layerNorm(x, 'width', { weight: beside, bias: beside }),
}

describe.each(x64Widths())('x64, %i bits, two threads', (vector) => {
  // The second: no row but the first begins where vectors are aligned.
  test.each([1024, 1023])('rows of %i: a result past the caches is what its parts are in them', (width) => {
    const device = new Device(x64Target({ width: vector }), { shared: true, threads: 2 })
    const rows = Math.ceil(2 ** 23 / width)
    const kernels: string[] = []
    device.profile = ({ kernel }) => kernels.push(kernel)
    withDevice(device, () =>
      scope(() => {
        const x = normal(randomKey(1), { row: rows, width })
        const beside = normal(randomKey(2), { width })
        for (const [name, operation] of Object.entries(operations)) {
          scope(() => {
            kernels.length = 0
            const whole = operation(x, beside)
            const along = name === 'gelu' // one run of adjacent elements
            expect(
              kernels.some((kernel) => kernel.includes('past the caches')),
              name,
            ).toBe(width === 1024 || along)
            // Read on both threads at once.
            const twice = mul(whole, 2)
            const middle = rows >> 1
            for (const [from, to] of [
              [0, middle],
              [middle, rows],
            ] as const) {
              const part = operation(slice(x, 'row', from, to), beside)
              const bits = (tensor: Tensor<'row' | 'width'>): Buffer => {
                const { address, elements } = tensor
                return Buffer.from(device.heap.memory.buffer, address, 4 * elements)
              }
              expect(bits(part).equals(bits(slice(whole, 'row', from, to))), name).toBe(true)
              expect(bits(mul(part, 2)).equals(bits(slice(twice, 'row', from, to))), name).toBe(true)
            }
          })
        }
      }),
    )
    device.close()
  })
})
