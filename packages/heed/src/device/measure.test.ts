import { expect, test } from 'vitest'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import { Device } from './device.js'
import { measureLimits } from './measure.js'

const { relaxed } = wasmFeatures()

const devices: Readonly<Record<string, () => Device>> = {
  'the interpreter': () => new Device(interpreter),
  wasm: () => new Device(wasmTarget({ lanes: 4, relaxed, shared: false })),
  'wasm, two threads': () =>
    new Device(wasmTarget({ lanes: 4, relaxed, shared: true }), { shared: true, threads: 2 }),
  ...Object.fromEntries(
    x64Widths().map((width) => [
      `x64, ${width} bits, two threads`,
      () => new Device(x64Target({ width }), { shared: true, threads: 2 }),
    ]),
  ),
}

test.each(Object.entries(devices))('%s: rates are measured and the memory is given back', (_, make) => {
  const device = make()
  try {
    const before = device.heap.use()
    const limits = measureLimits(device, { seconds: 0.01, bytes: 2 ** 20 })
    expect(limits.operationsPerSecond).toBeGreaterThan(1e5)
    expect(limits.bytesPerSecond).toBeGreaterThan(1e5)
    expect(Object.values(limits).every(Number.isFinite)).toBe(true)
    // Code that threads load stays; the arrays don't.
    expect(device.heap.use().used - before.used).toBeLessThan(2 ** 16)
  } finally {
    device.close()
  }
})

test('a heap without room is refused, and nothing is lost', () => {
  const device = new Device(wasmTarget({ lanes: 4, relaxed, shared: false }), { maximumBytes: 2 ** 22 })
  const before = device.heap.use().blocks
  expect(() => measureLimits(device, { seconds: 0.01, bytes: 2 ** 22 })).toThrow(/allocate: expected/)
  expect(device.heap.use().blocks).toBe(before)
})
