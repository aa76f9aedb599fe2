import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { MemoryError } from '../base/index.js'
import { nativeCode } from '../targets/index.js'
import { GuardedHeap } from './guarded-heap.js'

const runs = typeof nativeCode() !== 'string'

describe.runIf(runs)('a guarded heap', () => {
  const heap = runs ? new GuardedHeap({ maximumBytes: 2 ** 28 }) : undefined!

  test('blocks are aligned, disjoint, end where the readable rest of a page begins, and hold NaN', () => {
    const blocks = [0, 1, 64, 100, 4096, 4097, 100_000].map((bytes) => ({
      bytes,
      address: heap.allocate(bytes),
    }))
    for (const { bytes, address } of blocks) {
      const size = Math.max(64, Math.ceil(bytes / 64) * 64)
      expect(address % 64).toBe(0)
      expect((address + size + 256) % 4096).toBe(0)
      expect(heap.f32.subarray(address / 4, (address + size + 256) / 4).every(Number.isNaN)).toBe(true)
      const others = blocks.filter((other) => other.address !== address)
      expect(
        others.every((other) => other.address >= address + size || other.address + other.bytes <= address),
      ).toBe(true)
    }
    expect(heap.use().blocks).toBe(blocks.length)
    for (const { address } of blocks) heap.free(address)
    expect(heap.use()).toMatchObject({ used: 0, blocks: 0 })
  })

  test('freed pages are handed out again, the oldest first', () => {
    const [first, second] = [heap.allocate(50_000), heap.allocate(50_000)]
    heap.free(first)
    heap.free(second)
    expect(heap.allocate(50_000)).toBe(first)
    expect(heap.allocate(50_000)).toBe(second)
    heap.free(first)
    heap.free(second)
  })

  test.each([
    ['before', -1],
    ['before', -2500],
    ['behind', 100],
    ['behind', 128 + 255],
  ])('what was written %s a block shows when it is freed', (where, offset) => {
    const address = heap.allocate(100)
    heap.u8.fill(0, address, address + 100)
    heap.u8[address + offset] = 0
    expect(() => heap.free(address)).toThrow(new RegExp(`found bytes written ${where} them`))
    expect(heap.use().blocks).toBe(0)
  })

  test.each([
    ['a read past what may be read', 'k.store(x, k.loadScalar(x.at(96)))'],
    ['a read before the block', 'k.store(x, k.loadScalar(x.at(task.sub(1024))))'],
    ['a write past the block', 'k.store(x.at(96), task.toFloat())'],
  ])('%s ends the process', (_, stray) => {
    const script = `
      import { Device, GuardedHeap, kernel, x64Target } from 'heed/internals'
      const device = new Device(x64Target({ width: 256 }), { heap: new GuardedHeap() })
      const x = device.heap.allocate(100)
      const touch = (name, write) => device.launch(kernel(name, { x: 'f32*' }, write), [x], 1)
      touch('within', (k, { x }) => k.store(x, k.loadScalar(x.at(95))))
      console.log(device.heap.f32[x / 4])
      touch('stray', (k, { x }, task) => ${stray})
      console.log('still here')
    `
    const { signal, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      timeout: 20_000,
      cwd: import.meta.dirname,
    })
    expect({ signal, stdout }).toEqual({ signal: 'SIGSEGV', stdout: 'NaN\n' })
  })

  test('refuses what is no block, and more than there is', () => {
    expect(() => heap.free(64)).toThrow(MemoryError)
    expect(() => heap.allocate(2 ** 28)).toThrow(MemoryError)
    expect(() => heap.allocate(NaN)).toThrow(MemoryError)
  })
})
