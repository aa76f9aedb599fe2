import { expect, test } from 'vitest'
import { assemble, kernel, printProgram } from '../kernels/index.js'
import { base, launch, variants } from './testing/launch.js'

/** Adds 1 to x[0]; asks for what lies beside it, and far beyond the memory there is. */
const hinting = kernel('hint', { x: 'i32*', far: 'i32' }, (k, { x, far }) => {
  k.prefetch(x.at(16))
  k.prefetch(x.at(far))
  k.store(x, k.loadScalar(x).add(1))
})

test.each(variants)('$name: asking for memory ahead changes nothing, wherever it is', (variant) => {
  for (const far of [1 << 20, 0x1ffffff0]) {
    const { i32 } = launch(hinting, variant, [base, far], ({ i32 }) => (i32[base / 4] = 41))
    expect([...i32.subarray(base / 4 - 1, base / 4 + 18)]).toEqual([0, 42, ...Array<number>(17).fill(0)])
  }
})

test.each(variants)('$name: only machine code asks', (variant) => {
  const { machine } = variant.target(true)
  expect(printProgram(assemble(hinting, machine)).match(/prefetch/g) ?? []).toHaveLength(
    machine.name === 'x64' ? 2 : 0,
  )
})
