import { expect, test } from 'vitest'
import { kernel } from '../../kernels/index.js'
import { engineVersion } from './engine.js'
import { wasmFeatures } from './features.js'
import { probeRevectorization } from './revectorize.js'
import { base, launch } from '../testing/launch.js'
import { wasmTarget } from './wasm.js'

const { relaxed, fused, revectorize } = wasmFeatures()

test('not tried without fused multiply-adds, nor on an engine that is not known to have it', () => {
  expect(probeRevectorization(false)).toBe(false)
  if (engineVersion() < 13 || engineVersion() > 14) expect(probeRevectorization(true)).toBe(false)
  if (!fused) expect(revectorize).toBe(false)
})

/** Sums that feed each other, in a loop: what would show a pair merged wrongly. */
const mixed = kernel('revectorize-mixed', { x: 'f32*', count: 'i32' }, (k, { x, count }) => {
  const sums = Array.from({ length: 5 }, (_, s) => k.variable(k.load(x.at(s * k.lanes))))
  k.loop(0, count, 1, (i) => {
    const element = k.loadBroadcast(x.at(i.add(64)))
    sums.forEach((sum, s) => sum.set(sum.get().fma(element, sums[(s + 1) % 5]!.get().mul(0.25))))
  })
  sums.forEach((sum, s) => k.store(x.at(128 + s * k.lanes), sum.get()))
})

test('eight lanes give the bits of four', () => {
  const [four, eight] = ([4, 8] as const).map((lanes) => {
    const variant = {
      name: 'wasm',
      lanes,
      target: (shared: boolean) => wasmTarget({ lanes, relaxed, shared }),
    }
    const heap = launch(mixed, variant, [base, 40], ({ f32 }) => {
      const x = f32.subarray(base / 4)
      for (let s = 0; s < 5; s++)
        for (let lane = 0; lane < lanes; lane++) x[s * lanes + lane] = Math.sin(s * 8 + lane)
      for (let i = 0; i < 40; i++) x[64 + i] = Math.cos(i)
    })
    const results = heap.i32.subarray(base / 4 + 128)
    return Array.from({ length: 5 }, (_, s) => [...results.subarray(s * lanes, s * lanes + 4)])
  })
  expect(eight).toEqual(four)
  expect(new Set(four!.flat()).size).toBeGreaterThan(10)
})
