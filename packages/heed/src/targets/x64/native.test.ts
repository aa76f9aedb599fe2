import { describe, expect, test } from 'vitest'
import { findKoffi, type Koffi } from './koffi.js'
import { type Native, nativeCode, openNative, type System } from './native.js'

const found = findKoffi()
const native = nativeCode()
const runs = typeof native !== 'string'

/**
 * By hand, for System V: heap[parameters], heap[parameters + 4] and heap[parameters + 8] = begin, end and
 * scratch.
 */
const storeArguments = Buffer.from(
  '89f6' + // mov esi, esi
    '891437' + // mov [rdi + rsi], edx
    '894c3704' + // mov [rdi + rsi + 4], ecx
    '4489443708' + // mov [rdi + rsi + 8], r8d
    'c3',
  'hex',
)

describe.runIf(runs)('machine code', () => {
  const machine = native as Native

  test.runIf(machine.convention === 'systemv').each([
    ['memory of its own', { initial: 1 }],
    ['shared memory', { initial: 1, maximum: 65536, shared: true }],
  ])('gets the heap and four numbers: %s', (_, descriptor) => {
    const memory = new WebAssembly.Memory(descriptor)
    machine.bind(machine.map(storeArguments), memory)(64, -5, 2 ** 31 - 1, 2 ** 32 - 64)
    expect([...new Int32Array(memory.buffer, 64, 4)]).toEqual([-5, 2 ** 31 - 1, -64, 0])
  })

  test.runIf(machine.convention === 'systemv')(
    'finds a shared memory where it was, once it has grown',
    () => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 4096, shared: true })
      const run = machine.bind(machine.map(storeArguments), memory)
      memory.grow(4095)
      run(4095 * 65536, 1, 2, 3)
      expect([...new Int32Array(memory.buffer, 4095 * 65536, 4)]).toEqual([1, 2, 3, 0])
    },
  )

  test('each piece has pages of its own, many of them too', () => {
    const places = Array.from({ length: 100 }, () => machine.map(new Uint8Array(5000).fill(0xc3)))
    expect(places.every((place) => place % 4096 === 0)).toBe(true)
    const sorted = places.toSorted((a, b) => a - b)
    expect(sorted.every((place, i) => i === 0 || place - sorted[i - 1]! >= 8192)).toBe(true)
  })

  test.runIf(process.platform === 'linux')('is never writable while it is executable', async () => {
    const place = machine.map(Uint8Array.of(0xc3))
    const { readFileSync } = await import('node:fs')
    const line = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .find((each) => {
        const [begin, end] = each.split(/[- ]/).map((text) => Number.parseInt(text, 16))
        return begin! <= place && place < end!
      })
    expect(line?.split(' ')[1]).toBe('r-xp')
  })
})

describe('refusals, in a sentence', () => {
  const system: System = { platform: 'linux', architecture: 'x64', find: findKoffi }

  test('another processor, another system, no koffi', () => {
    expect(openNative({ ...system, architecture: 'arm64' })).toBe(
      'the processor is arm64, machine code is for x64',
    )
    expect(openNative({ ...system, platform: 'aix' })).toBe(
      'the system is aix, machine code is for linux, darwin, win32',
    )
    expect(openNative({ ...system, find: () => 'the package koffi is not installed' })).toBe(
      'the package koffi is not installed',
    )
  })

  /** Koffi whose C library fails in one function. */
  const failing = (name: string, result: unknown): System => ({
    ...system,
    find() {
      const { koffi, path } = found as Exclude<typeof found, string>
      const load: Koffi['load'] = (library) => ({
        func: (declaration) =>
          declaration.includes(`${name}(`) ? () => result : koffi.load(library).func(declaration),
      })
      return { koffi: { ...koffi, load, errno: () => koffi.os.errno.EACCES! }, path }
    },
  })

  test.runIf(runs && process.platform === 'linux').each([
    ['mmap', 2n ** 64n - 1n],
    ['mprotect', -1],
  ])('a system that refuses %s', (name, result) => {
    expect(openNative(failing(name, result))).toBe(`machine code is refused here: ${name} failed with EACCES`)
  })

  test.runIf(runs)('a koffi that lacks what is needed', () => {
    const { koffi, path } = found as Exclude<typeof found, string>
    const old = { ...koffi, proto: undefined } as unknown as Koffi
    expect(openNative({ ...system, find: () => ({ koffi: old, path }) })).toMatch(
      /^machine code is refused here: .*proto/,
    )
  })
})
