import { describe, expect, test } from 'vitest'
import { guestKernel, type Kernel } from '../kernels/index.js'
import { interpreter, type Target, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import { Device } from './index.js'
import { mostKernels } from './compiled-kernels.js'

/** Each task writes its number plus one of the kernel's own. */
const adds = (number: number): Kernel =>
  guestKernel(`test adds ${number}`, { to: 'f32*' }, (k, { to }, task) =>
    k.store(to.at(task), task.add(number).toFloat()),
  ) as unknown as Kernel

const { relaxed } = wasmFeatures()
const targets: readonly (readonly [string, () => Target, threads: number])[] = [
  ['interpreter', () => interpreter, 1],
  ['wasm, one thread', () => wasmTarget({ lanes: 4, relaxed, shared: false }), 1],
  ['wasm, two threads', () => wasmTarget({ lanes: 4, relaxed, shared: true }), 2],
  ...x64Widths().flatMap((width) =>
    [1, 2].map(
      (threads) => [`x64, ${width} bits, ${threads} threads`, () => x64Target({ width }), threads] as const,
    ),
  ),
]

describe.each(targets)('kernels of %s', (_, make, threads) => {
  test('two thousand different ones run, and take what the last few hundred take', () => {
    const target = make()
    // Code that is there at the moment.
    let there = 0
    const counted: Target = {
      ...target,
      emit(program, keep) {
        there++
        return target.emit(program, keep)
      },
      release(code) {
        there--
        target.release?.(code)
      },
    }
    const device = new Device(counted, { shared: threads > 1, threads })
    const tasks = 64
    const to = device.heap.allocate(tasks * device.floatBytes)
    const at = (task: number): number =>
      (device.floatBytes === 8 ? device.heap.f64 : device.heap.f32)[to / device.floatBytes + task]!
    const run = (kernel: Kernel, number: number): void => {
      device.launch(kernel, [to], tasks)
      if (at(0) !== number || at(tasks - 1) !== number + tasks - 1) throw new Error(`${number}: ${at(0)}`)
    }
    const first = adds(-1)
    const often = adds(-2)
    let most = 0
    for (let number = 0; number < 2000; number++) {
      if (number % 100 === 0) run(often, -2)
      if (number === 0) run(first, -1)
      run(adds(number), number)
      most = Math.max(most, there)
    }
    expect(most).toBe(mostKernels)
    const { blocks, used } = device.heap.use()
    expect(blocks).toBeLessThanOrEqual(mostKernels + 2)
    expect(used).toBeLessThan(mostKernels * 2048)
    const before = there
    // One that is used all the time stays; one that was dropped is made again, by its object and by its name.
    run(often, -2)
    run(adds(-2), -2)
    expect(there).toBe(before)
    run(first, -1)
    run(adds(-1), -1)
    expect(there).toBe(before + 1)
    device.close()
  })
})
