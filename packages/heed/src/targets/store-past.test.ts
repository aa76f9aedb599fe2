import { describe, expect, test } from 'vitest'
import { assemble, kernel, printProgram } from '../kernels/index.js'
import { interpreter } from './interpreter/interpreter.js'
import { printCode } from './print-code.js'
import { base, launch, type Variant, variants } from './testing/launch.js'
import { x64Target, x64Widths } from './x64/index.js'

const targets: readonly Variant[] = [
  ...variants,
  { name: 'interpreter', lanes: 1, target: () => interpreter },
]

/**
 * y[i] = 3 x[i], `width` integers to each task, the last vector masked; and their number behind them, as a
 * scalar.
 */
const tripling = kernel('triple', { x: 'i32*', y: 'i32*', width: 'i32' }, (k, { x, y, width }, task) => {
  const start = task.mul(64)
  k.vectors(width, (i, mask) => {
    const at = start.add(i)
    k.storePast(y.at(at), k.load(x.at(at), mask).mul(3), mask)
  })
  k.store(y.at(start).at(width), width)
})

/** Floats and integers, at a place that is known while the kernel is written, and at one vector behind it. */
const both = kernel('both', { x: 'f32*', y: 'i32*' }, (k, { x, y }) => {
  k.storePast(x, k.vector(1.5))
  k.storePast(x.at(k.lanes), k.load(x.at(2 * k.lanes)).mul(2))
  k.storePast(y, k.laneIndex())
  // Read back at once, by the thread that wrote it.
  k.store(y.at(k.lanes), k.load(y).add(1))
})

test.each(targets)('$name: what goes past the caches is what was to be written', (variant) => {
  for (const width of [1, variant.lanes, 2 * variant.lanes + 3, 63]) {
    const { i32 } = launch(
      tripling,
      variant,
      [base, base + 2048, width],
      ({ i32 }) => {
        for (let i = 0; i < 256; i++) [i32[base / 4 + i], i32[base / 4 + 512 + i]] = [i - 100, -7]
      },
      3,
    )
    const expected = Array.from({ length: 256 }, (_, i) => {
      const [task, place] = [i >> 6, i & 63]
      if (task >= 3 || place > width) return -7
      return place === width ? width : 3 * (i - 100)
    })
    expect([...i32.subarray(base / 4 + 512, base / 4 + 768)]).toEqual(expected)
  }
})

test.each(variants)('$name: floats and integers, and what is read back', (variant) => {
  const { lanes } = variant
  const { f32, i32 } = launch(both, variant, [base, base + 1024], ({ f32 }) => {
    for (let i = 0; i < 3 * lanes; i++) f32[base / 4 + i] = i + 0.25
  })
  const numbers = Array.from({ length: lanes }, (_, i) => i)
  expect([...f32.subarray(base / 4, base / 4 + 2 * lanes)]).toEqual([
    ...numbers.map(() => 1.5),
    ...numbers.map((i) => 2 * (2 * lanes + i + 0.25)),
  ])
  expect([...i32.subarray(base / 4 + 256, base / 4 + 256 + 2 * lanes)]).toEqual([
    ...numbers,
    ...numbers.map((i) => i + 1),
  ])
})

test.each(targets)('$name: only machine code is told, and only of whole vectors', (variant) => {
  const { machine } = variant.target(true)
  const text = printProgram(assemble(tripling, machine))
  expect(text.match(/store i32 past the caches at/g) ?? []).toHaveLength(machine.name === 'x64' ? 1 : 0)
})

describe.each(x64Widths())('x64, %i bits', (width) => {
  const target = x64Target({ width })
  const listing = (source: Parameters<typeof assemble>[0]): string =>
    printCode(target, assemble(source, target.machine))

  test('before it returns, it waits for what it wrote past the caches', () => {
    const text = listing(tripling as never)
    expect(text.match(/vmovntps/g)).toHaveLength(1)
    expect(text.match(/sfence/g)).toHaveLength(1)
    expect(text.indexOf('sfence')).toBeGreaterThan(text.lastIndexOf('jl '))
    expect(text.indexOf('sfence')).toBeLessThan(text.indexOf('ret'))
  })

  test('there is nothing to wait for where all stores are plain', () => {
    const plain = kernel('plain', { x: 'f32*' }, (k, { x }) => {
      k.storePast(x, k.vector(1), k.tail(1))
      k.store(x, k.vector(1))
    })
    expect(listing(plain as never)).not.toMatch(/vmovntps|sfence/)
  })
})
