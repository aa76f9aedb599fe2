import { describe, expect, test } from 'vitest'
import { assemble, kernel } from '../../kernels/index.js'
import { interpreter } from './interpreter.js'
import { erf, roundTiesToEven } from './mathematics.js'

const newMemory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })

describe('interpreter', () => {
  test('runs loops, masks and pointers over tasks', () => {
    const scaleRows = kernel(
      'scale-rows',
      { x: 'f32*', y: 'f32*', width: 'i32', factor: 'f32' },
      (k, { x, y, width, factor }, task) => {
        const row = task.mul(width)
        const total = k.variable(k.float(0))
        k.vectors(width, (i, mask) => {
          const scaled = k.load(x.at(row).at(i), mask).mul(factor)
          k.store(y.at(row).at(i), scaled, mask)
          total.set(total.get().add(scaled.sum()))
        })
        k.if(total.get().gt(100), () => k.store(y.at(row), k.float(-1)))
      },
    )
    const memory = newMemory()
    const run = interpreter.load(interpreter.emit(assemble(scaleRows, interpreter.machine)), memory)
    const f64 = new Float64Array(memory.buffer)
    const i32 = new Int32Array(memory.buffer)
    for (let i = 0; i < 15; i++) f64[128 + i] = i
    i32[16] = 1024
    i32[18] = 2048
    i32[20] = 5
    f64[11] = 2
    run(64, 0, 3, 0)
    expect([...f64.subarray(256, 271)]).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, -1, 22, 24, 26, 28])
  })

  test('refuses an access outside the heap', () => {
    const stray = kernel('stray', { x: 'f32*' }, (k, { x }) => k.store(x, k.float(1)))
    const memory = newMemory()
    const run = interpreter.load(interpreter.emit(assemble(stray, interpreter.machine)), memory)
    new Int32Array(memory.buffer)[16] = 65536
    expect(() => run(64, 0, 1, 0)).toThrow(/outside its tensors/)
  })

  test('has an error function and rounding of its own', () => {
    // Abramowitz and Stegun, table 7.1
    expect(erf(0.5)).toBeCloseTo(0.5204998778, 10)
    expect(erf(-1)).toBeCloseTo(-0.8427007929, 10)
    expect(erf(2)).toBeCloseTo(0.995322265, 9)
    expect(erf(0)).toBe(0)
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4].map(roundTiesToEven)).toEqual([0, 2, 2, -0, -2, 2])
  })
})
