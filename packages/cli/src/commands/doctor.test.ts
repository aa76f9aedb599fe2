import { x64Refusal, x64Widths } from 'heed/internals'
import { describe, expect, test } from 'vitest'
import { coresIn, type MachineReport } from '../machine.js'
import { heed } from '../testing.js'
import { reportText } from './doctor.js'

describe('heed doctor', () => {
  test('--json gives everything, measured', async () => {
    const { status, out, err } = await heed(['doctor', '--json'])
    expect({ status, err }).toEqual({ status: 0, err: '' })
    const report = JSON.parse(out) as MachineReport
    expect(report.node).toBe(process.versions.node)
    expect(['x64', 'wasm', 'interpreter']).toContain(report.target.name)
    expect(report.target.x64).toBe(x64Refusal() ?? null)
    expect(report.target.why.length).toBeGreaterThan(1)
    expect(report.processor.available).toBeGreaterThanOrEqual(report.target.threads)
    expect(report.memory.heapBytes).toBeLessThanOrEqual(2 ** 32)
    expect(report.limits!.operationsPerSecond).toBeGreaterThan(1e6)
    expect(report.limits!.bytesPerSecond).toBeGreaterThan(1e6)
  })

  test('--no-measure is quick and says so in the JSON', async () => {
    const { out } = await heed(['doctor', '--no-measure', '--json'])
    expect((JSON.parse(out) as MachineReport).limits).toBeNull()
  })

  test('as text: each fact on a line', async () => {
    const { status, out } = await heed(['doctor', '--no-measure'])
    expect(status).toBe(0)
    for (const name of ['heed', 'Node', 'processor', 'memory', 'target']) {
      expect(out).toMatch(new RegExp(`^${name} +\\S`, 'm'))
    }
    expect(out).toMatch(/\d\d\d-bit (vectors|SIMD)/)
    expect(out).not.toContain('\u001b')
  })

  test('says which target runs, and why', async () => {
    const { out } = await heed(['doctor', '--no-measure'])
    const refusal = x64Refusal()
    if (refusal === undefined) {
      expect(out).toMatch(/^target +x64: vectors of (8|16) × 32-bit floats/m)
      expect(out).toContain(`${x64Widths().at(-1)}-bit vectors`)
      expect(out).toContain('AVX2')
    } else {
      expect(out).toContain(`not x64, machine code: ${refusal}`)
    }
  })

  test('the limits of a container and one core read well', () => {
    const text = reportText(
      {
        heed: '1.0.0',
        node: '20.0.0',
        v8: '11.3',
        platform: 'linux x64',
        processor: {
          name: 'Some CPU',
          cores: 1,
          processors: 2,
          available: 1,
          features: ['AVX', 'AVX2'],
          caches: { level1: 32768, level2: null, level3: 2 ** 25 },
        },
        target: {
          name: 'wasm',
          lanes: 8,
          floatBits: 32,
          threads: 1,
          sharedMemory: false,
          relaxedSimd: true,
          fused: true,
          revectorized: true,
          why: ['because'],
          x64: 'the package koffi is not installed',
        },
        pictures: 'decoded by sharp 0.35.5',
        memory: { totalBytes: 2 ** 35, limitBytes: 2 ** 31, heapBytes: 2 ** 32 },
        limits: { operationsPerSecond: 1.16e11, bytesPerSecond: 2.5e10 },
      },
      (text) => text,
    )
    expect(text).toBe(`heed       1.0.0
Node       20.0.0 (V8 11.3), linux x64
processor  Some CPU: 1 core, 2 logical processors, 1 for this process
           AVX, AVX2
           caches: L1 32.0 KiB, L3 32.0 MiB
memory     32.0 GiB, 2.0 GiB for this process; a heap of tensors holds at most 4.0 GiB
target     wasm: vectors of 8 × 32-bit floats, 1 thread
           because
pictures   decoded by sharp 0.35.5
at most    116 Gflop/s (multiply-adds in registers, all threads)
           25.0 GB/s (memory read and written by a copy, all threads)
`)
  })
})

test('cores are counted once, whatever their threads', () => {
  const one = (core: number, socket: number) =>
    `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`
  expect(coresIn([one(0, 0), one(0, 0), one(1, 0), one(0, 1)].join('\n'))).toBe(3)
  expect(coresIn('processor : 0\nBogoMIPS : 50\n')).toBeNull()
})
