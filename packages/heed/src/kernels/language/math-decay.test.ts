import { describe, expect, test } from 'vitest'
import {
  interpreter,
  type Target,
  wasmFeatures,
  wasmTarget,
  x64Target,
  x64Widths,
} from '../../targets/index.js'
import { Arena } from '../testing/arena.js'
import type { Kernel } from './kernel.js'
import { kernel } from './kernel.js'
import { decay } from './math-decay.js'

const source: Kernel = kernel('decay', { x: 'f32*', count: 'i32' }, (k, { x, count }) =>
  k.vectors(count, (i, mask) => k.store(x.at(i), decay(k, k.load(x.at(i), mask)), mask)),
)

function decayed(arena: Arena, x: readonly number[]): number[] {
  const address = arena.floats(x)
  arena.run([{ kernel: source, parameters: [address, x.length], tasks: 1 }])
  return arena.read(address, x.length)
}

const wasm = (relaxed: boolean): Target => wasmTarget({ lanes: 4, relaxed, shared: true })
/** Each with its bound in ulp: that of multiply-adds that round twice, or once. */
const targets: readonly (readonly [name: string, target: Target, bound: number])[] = [
  ['wasm, rounded twice', wasm(false), 1.5],
  ...(wasmFeatures().relaxed ? [['wasm, fused', wasm(true), 1] as const] : []),
  ...x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width }), 1] as const),
]

describe.each(targets)('exp of what is not above 0: %s', (_, target, bound) => {
  const arena = new Arena(target, 1 << 22)
  test('within the stated bound down to the least normal float', () => {
    const x = Array.from({ length: 200_001 }, (_, i) => Math.fround((-87.3 * i) / 200_000))
    const found = decayed(arena, x)
    let worst = 0
    found.forEach((y, i) => {
      const exact = Math.exp(x[i]!)
      const ulp = 2 ** (Math.floor(Math.log2(exact)) - 23)
      worst = Math.max(worst, Math.abs(y - exact) / ulp)
    })
    expect(worst).toBeLessThan(bound)
  })
  test('1 at 0; small, then exactly 0 below; NaN stays', () => {
    const found = decayed(arena, [0, -0, -1e-30, -87.5, -88, -1e4, -3e38, -Infinity, NaN])
    expect(found.slice(0, 3)).toEqual([1, 1, 1])
    expect(found[3]).toBeLessThan(1e-37)
    expect(found.slice(4)).toEqual([0, 0, 0, 0, NaN])
  })
})

test('the interpreter takes its own exp', () => {
  expect(decayed(new Arena(interpreter, 1 << 20), [-1, -100])).toEqual([Math.exp(-1), Math.exp(-100)])
})
