import { afterEach, expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import type { Device } from '../device/index.js'
import { x64Refusal, x64Widths } from '../targets/index.js'
import { chooseDevice, type DeviceEnvironment } from './choose-device.js'

const made: Device[] = []
afterEach(() => made.splice(0).forEach((device) => device.close()))

function choose(environment: DeviceEnvironment): Device {
  const device = chooseDevice(environment)
  made.push(device)
  return device
}

const widths = x64Widths()
const x64Runs = widths.length > 0

test('the fastest target that runs here, unless another is named', () => {
  expect(choose({}).name).toBe(x64Runs ? 'x64' : 'wasm')
  expect(choose({ HEED_TARGET: 'wasm' }).name).toBe('wasm')
  expect(choose({ HEED_TARGET: 'interpreter' })).toMatchObject({ name: 'interpreter', threads: 1 })
  expect(choose({ HEED_THREADS: '1' }).threads).toBe(1)
})

test.runIf(x64Runs)('x64 takes the widest vectors, or those that are asked for', () => {
  expect(choose({ HEED_TARGET: 'x64' }).target.machine.lanes).toBe(widths.at(-1)! / 32)
  for (const width of widths) {
    expect(choose({ HEED_VECTOR: String(width) }).target.machine).toMatchObject({
      name: 'x64',
      lanes: width / 32,
    })
  }
})

test.runIf(x64Runs).each(['128', '', '512 ', 'wide'])('HEED_VECTOR=%s is refused', (HEED_VECTOR) => {
  expect(() => choose({ HEED_VECTOR })).toThrow(UsageError)
  expect(() => choose({ HEED_VECTOR })).toThrow(/HEED_VECTOR: expected 256/)
})

test.runIf(x64Runs && widths.length === 1)('AVX-512 where there is none is refused', () => {
  expect(() => choose({ HEED_VECTOR: '512' })).toThrow(/there is no AVX-512 here/)
})

test.skipIf(x64Runs)('x64 where it does not run is refused, with the reason', () => {
  expect(() => choose({ HEED_TARGET: 'x64' })).toThrow(x64Refusal())
  expect(() => choose({ HEED_TARGET: 'x64' })).toThrow(UsageError)
  expect(() => choose({ HEED_VECTOR: '256' })).toThrow(x64Refusal())
})

test.each(['gpu', '', 'toString', 'X64'])('HEED_TARGET=%s is refused', (HEED_TARGET) => {
  expect(() => choose({ HEED_TARGET })).toThrow(UsageError)
  expect(() => choose({ HEED_TARGET })).toThrow(/expected x64 or wasm or interpreter/)
})

test.each(['0', '-1', '1.5', 'many', '257'])('HEED_THREADS=%s is refused', (HEED_THREADS) => {
  expect(() => choose({ HEED_THREADS })).toThrow(/HEED_THREADS: expected a whole number from 1 to 256/)
})
