import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryError, TargetError, UsageError } from '../base/index.js'
import { kernel } from '../kernels/index.js'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import { Device, Heap, type LaunchEvent } from './index.js'

describe('heap', () => {
  test('blocks are aligned, disjoint, and reused when freed', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 300_000 }), drop: fc.boolean() }), {
          maxLength: 60,
        }),
        (requests) => {
          const heap = new Heap({ maximumBytes: 64 * 2 ** 20 })
          const held = new Map<number, number>()
          for (const { bytes, drop } of requests) {
            const address = heap.allocate(bytes)
            expect(address % 64).toBe(0)
            for (const [other, size] of held)
              expect(address + bytes <= other || other + size <= address).toBe(true)
            held.set(address, bytes)
            if (drop) {
              const [first] = held.keys()
              heap.free(first!)
              held.delete(first!)
            }
          }
          expect(heap.use().blocks).toBe(held.size)
          for (const address of held.keys()) heap.free(address)
          expect(heap.use()).toMatchObject({ used: 0, blocks: 0 })
          // What was held last, once more in another order, finds room in what there is.
          const { reserved } = heap.use()
          for (const bytes of [...held.values()].reverse()) heap.allocate(bytes)
          expect(heap.use().reserved).toBe(reserved)
        },
      ),
    ))

  test('a freed block is handed out again; memory does not grow', () => {
    const heap = new Heap()
    const first = heap.allocate(1000)
    heap.free(first)
    expect(heap.allocate(1000)).toBe(first)
  })

  test('grows as needed, and its views follow', () => {
    const heap = new Heap()
    const before = heap.f32.length
    const address = heap.allocate(40 * 2 ** 20)
    expect(heap.f32.length).toBeGreaterThan(before)
    heap.f32[(address >> 2) + 10 * 2 ** 20 - 1] = 7
    expect(new Float32Array(heap.memory.buffer)[(address >> 2) + 10 * 2 ** 20 - 1]).toBe(7)
  })

  test('says what it held when there is no more, and goes on working', () => {
    const heap = new Heap({ maximumBytes: 2 ** 21 })
    const kept = heap.allocate(2 ** 20)
    expect(() => heap.allocate(2 ** 21)).toThrow(MemoryError)
    expect(() => heap.allocate(2 ** 21)).toThrow(/2097152 bytes of the heap's 2097152, found .* 1 blocks/)
    heap.free(kept)
    expect(heap.allocate(2 ** 20)).toBe(kept)
  })

  test('grows to the last byte of its maximum, and says how much is free in one piece', () => {
    const heap = new Heap({ maximumBytes: 100_000_000 })
    expect(heap.maximumBytes).toBe(1525 * 65536)
    const whole = heap.maximumBytes - 4096 - 256
    expect(() => heap.allocate(whole + 1)).toThrow(`at most ${whole} free in one piece`)
    const [half, rest] = [heap.allocate(whole - 64), heap.allocate(64)]
    expect(heap.use()).toMatchObject({ used: whole, reserved: heap.maximumBytes })
    expect(() => heap.allocate(1)).toThrow(`${whole} in use in 2 blocks, at most 0 free in one piece`)
    heap.free(rest)
    heap.free(half)
    expect(heap.allocate(whole)).toBe(half)
  })

  test.each([0, 1, -5, NaN, 1.5, 65535, 2 ** 32 + 1, 2 ** 40, Infinity, '65536', null])(
    'refuses a maximum of %s bytes',
    (maximumBytes) => {
      expect(() => new Heap({ maximumBytes: maximumBytes as number })).toThrow(UsageError)
      expect(() => new Device(interpreter, { maximumBytes: maximumBytes as number })).toThrow(
        `heap: expected maximumBytes to be a whole number from 65536 (64 KiB) to 4294967296 (4 GiB), found ${maximumBytes}`,
      )
    },
  )

  test('refuses what is no block', () => {
    const heap = new Heap()
    const address = heap.allocate(10)
    heap.free(address)
    expect(() => heap.free(address)).toThrow(MemoryError)
    expect(() => heap.allocate(NaN)).toThrow(MemoryError)
    expect(() => heap.allocate(-1)).toThrow(MemoryError)
  })
})

/** Each task writes its number, scaled, through scratch memory. */
const writeTasks = kernel('test-write-tasks', { to: 'f32*', factor: 'f32' }, (k, { to, factor }, task) => {
  const scratch = k.scratch('f32')
  k.store(scratch, task.toFloat().mul(factor))
  k.store(to.at(task), k.loadScalar(scratch))
})

/** Each task writes where its thread's scratch memory lies. */
const writeScratch = kernel('test-write-scratch', { to: 'i32*' }, (k, { to }, task) => {
  k.store(to.at(task), k.scratch('f32').address)
})

/** The same with another factor, and so many parameters that only two launches of it fit. */
const manyNames = Array.from({ length: 140 }, (_, i) => `p${i}`)
const writeMany = kernel(
  'test-write-many',
  { to: 'f32*', ...Object.fromEntries(manyNames.map((name) => [name, 'f32' as const])) },
  (k, p, task) => k.store(p.to.at(task), task.toFloat().mul((p as never)[manyNames.at(-1)!])),
)

const { relaxed } = wasmFeatures()
const devices: Readonly<Record<string, () => Device>> = {
  interpreter: () => new Device(interpreter),
  'wasm, one thread, memory of its own': () => new Device(wasmTarget({ lanes: 4, relaxed, shared: false })),
  'wasm, one thread, shared memory': () =>
    new Device(wasmTarget({ lanes: 4, relaxed, shared: true }), { shared: true }),
  'wasm, two threads': () =>
    new Device(wasmTarget({ lanes: 4, relaxed, shared: true }), { shared: true, threads: 2 }),
  'wasm, five threads': () =>
    new Device(wasmTarget({ lanes: 4, relaxed: false, shared: true }), { shared: true, threads: 5 }),
  'wasm, eight lanes': () => new Device(wasmTarget({ lanes: 8, relaxed, shared: true }), { shared: true }),
  ...Object.fromEntries(
    x64Widths().flatMap((width) =>
      [1, 2, 5].map((threads) => [
        `x64, ${width} bits, ${threads} threads`,
        () => new Device(x64Target({ width }), { shared: true, threads }),
      ]),
    ),
  ),
}

describe.each(Object.entries(devices))('every device: %s', (_, make) => {
  const device = make()
  const floats = (address: number, count: number): number[] =>
    device.floatBytes === 8
      ? [...device.heap.f64.subarray(address / 8, address / 8 + count)]
      : [...device.heap.f32.subarray(address / 4, address / 4 + count)]

  test.each([0, 1, 2, 63, 1000])('runs each of %i tasks once', (tasks) => {
    const to = device.heap.allocate((tasks + 1) * device.floatBytes)
    device.heap.u8.fill(0, to, to + (tasks + 1) * device.floatBytes)
    for (let round = 1; round <= 3; round++) {
      device.launch(writeTasks, [to, 0.5 * round], tasks, 64)
      expect(floats(to, tasks + 1)).toEqual([
        ...Array.from({ length: tasks }, (_, task) => task * 0.5 * round),
        0,
      ])
    }
    device.heap.free(to)
  })

  test('many short launches in a row', () => {
    const to = device.heap.allocate(16 * device.floatBytes)
    for (let round = 0; round < 2000; round++) device.launch(writeTasks, [to, round], 16, 64)
    expect(floats(to, 16)).toEqual(Array.from({ length: 16 }, (_, task) => task * 1999))
    device.heap.free(to)
  })

  test('runs launches together: each task of each once', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ many: fc.boolean(), tasks: fc.integer({ min: 0, max: 90 }) }), {
          maxLength: 20,
        }),
        (wanted) => {
          const to = wanted.map(({ tasks }) => device.heap.allocate((tasks + 1) * device.floatBytes))
          for (const [i, { tasks }] of wanted.entries())
            device.heap.u8.fill(0, to[i]!, to[i]! + (tasks + 1) * device.floatBytes)
          device.launchTogether(wanted.length, (i) => {
            const { many, tasks } = wanted[i]!
            return many
              ? { kernel: writeMany, parameters: [to[i]!, ...manyNames.map(() => i + 1)], tasks }
              : { kernel: writeTasks, parameters: [to[i]!, i + 1], tasks, scratchBytes: 64 }
          })
          for (const [i, { tasks }] of wanted.entries()) {
            const each = Array.from({ length: tasks }, (_, task) => task * (i + 1))
            expect(floats(to[i]!, tasks + 1)).toEqual([...each, 0])
            device.heap.free(to[i]!)
          }
        },
      ),
      { numRuns: 50 },
    ))

  test('every thread takes part, and has scratch memory of its own', () => {
    const tasks = 4096
    const to = device.heap.allocate(tasks * 4)
    const seen = new Set<number>()
    const start = performance.now()
    while (seen.size < device.threads && performance.now() - start < 20_000) {
      device.launch(writeScratch, [to], tasks, 64)
      for (const address of device.heap.i32.subarray(to / 4, to / 4 + tasks)) seen.add(address)
    }
    expect(seen.size).toBe(device.threads)
    expect([...seen].every((address) => address % 64 === 0)).toBe(true)
    device.heap.free(to)
  })

  test('tells a profile of each launch, while there is one', () => {
    const to = device.heap.allocate(16 * device.floatBytes)
    const seen: LaunchEvent[] = []
    device.profile = (event) => seen.push(event)
    device.launch(writeTasks, [to, 3], 16, 64)
    const launch = { kernel: writeTasks, parameters: [to, 3], tasks: 7, scratchBytes: 64 }
    device.launchTogether(2, () => launch)
    device.profile = undefined
    device.launch(writeTasks, [to, 4], 16, 64)
    const milliseconds = expect.any(Number) as number
    expect(seen).toEqual([
      { kernel: writeTasks.name, tasks: 16, milliseconds },
      { kernel: `${writeTasks.name} + ${writeTasks.name}`, tasks: 14, milliseconds },
    ])
    expect(floats(to, 16)[1]).toBe(4)
    device.heap.free(to)
  })

  test('refuses a wrong number of parameters', () => {
    expect(() => device.launch(writeTasks, [0], 1)).toThrow(UsageError)
    expect(() => device.launch(writeTasks, [0], 1)).toThrow(/expected 2 parameters, found 1/)
  })
})

describe.runIf(x64Widths().length > 0)('machine code', () => {
  test('runs where it ran before once the heap has grown', () => {
    const device = new Device(x64Target({ width: 256 }))
    const run = (): void => {
      const to = device.heap.allocate(8 * 2 ** 20)
      device.launch(writeTasks, [to, 0.5], 2 ** 21, 64)
      expect(device.heap.f32[to / 4 + 2 ** 21 - 1]).toBe((2 ** 21 - 1) / 2)
    }
    for (let i = 0; i < 8; i++) run()
  })

  test('a thread that cannot load koffi is an error of the launch that it joins', () => {
    const target = { ...x64Target({ width: 256 }), koffi: '/nowhere/koffi.cjs' }
    const device = new Device(target, { shared: true, threads: 2 })
    const to = device.heap.allocate(4 * 2 ** 16)
    const launchUntilJoined = (): void => {
      const start = performance.now()
      while (performance.now() - start < 20_000) device.launch(writeTasks, [to, 1], 2 ** 16, 64)
    }
    expect(launchUntilJoined).toThrow(TargetError)
    expect(launchUntilJoined).toThrow(/on another thread: Cannot find module '\/nowhere\/koffi.cjs'; run it/)
    device.close()
  })
})

describe('a process that used threads ends by itself', () => {
  test.each([
    `wasmTarget({ lanes: 4, relaxed: ${relaxed}, shared: true })`,
    ...x64Widths().map((width) => `x64Target({ width: ${width} })`),
  ])('%s', (target) => {
    const script = `
      import { Device, ones, scope, wasmTarget, withDevice, x64Target } from 'heed'
      const device = new Device(${target}, { shared: true, threads: 3 })
      withDevice(device, () => scope(() => {
        const x = ones({ row: 1000, width: 64 })
        const start = performance.now()
        let last
        while (performance.now() - start < 300) last = scope(() => x.add(998).values().at(-1))
        console.log(last)
      }))
    `
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { encoding: 'utf8', timeout: 20_000, cwd: import.meta.dirname },
    )
    expect({ status, signal, stdout, stderr }).toEqual({
      status: 0,
      signal: null,
      stdout: '999\n',
      stderr: '',
    })
  })

  // A thread that is ended while it loads koffi would take the process with it.
  test.skipIf(x64Widths().length === 0).each([0, 30, 60, 90, 120])(
    'whatever its threads are at, after %i ms',
    (time) => {
      for (const end of ['', 'device.close()']) {
        const script = `
        import { Device, ones, scope, withDevice, x64Target } from 'heed'
        const device = new Device(x64Target({ width: 256 }), { shared: true, threads: 4 })
        const start = performance.now()
        do withDevice(device, () => scope(() => ones({ row: 1000, width: 64 }).add(998).values()))
        while (performance.now() - start < ${time})
        ${end}`
        const { status, signal, stderr } = spawnSync(
          process.execPath,
          ['--input-type=module', '--eval', script],
          { encoding: 'utf8', timeout: 20_000, cwd: import.meta.dirname },
        )
        expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
      }
    },
  )
})
