import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IntVector, Mask, Vector } from '../kernels/index.js'
import { kernel } from '../kernels/index.js'
import { base, launch, variants } from './testing/launch.js'

/** What a program keeps alive at once: up to far more than any machine has registers. */
const sizes = fc.record({
  vectors: fc.integer({ min: 1, max: 70 }),
  integers: fc.integer({ min: 1, max: 40 }),
  masks: fc.integer({ min: 1, max: 16 }),
  scalars: fc.integer({ min: 1, max: 40 }),
  outer: fc.integer({ min: 0, max: 3 }),
  inner: fc.integer({ min: 0, max: 4 }),
  seed: fc.nat(1000),
})
type Sizes = typeof sizes extends fc.Arbitrary<infer S> ? S : never

/** Whole numbers throughout, small enough to be exact as floats: every target gives the same. */
const most = 1024

const source = ({ vectors, integers, masks, scalars, seed }: Sizes) =>
  kernel('pressure', { x: 'f32*', y: 'i32*', outer: 'i32', inner: 'i32' }, (k, p, task) => {
    const pick = (i: number, count: number): number => (i * 7919 + seed * 31 + 5) % count
    const floats = Array.from({ length: vectors }, (_, i) =>
      k.variable<'vector'>(k.load(p.x.at(i * k.lanes))),
    )
    const whole = Array.from({ length: integers }, (_, i) =>
      k.variable<'ivector'>(k.load(p.y.at(i * k.lanes))),
    )
    const counts = Array.from({ length: scalars }, (_, i) => k.variable<'i32'>(task.add(i * 3 + 1)))
    const conditions = Array.from({ length: masks }, (_, i) =>
      k.variable<'mask'>(k.laneIndex().add(i).and(3).lt(2)),
    )
    k.loop(0, p.outer, 1, (i) => {
      const kept: Vector[] = floats.map((each) => each.get())
      k.loop(0, p.inner, 1, (j) => {
        floats.forEach((each, n) => {
          const other = floats[pick(n, vectors)]!.get()
          const sum = each.get().fma(2, other).add(i.add(j).toFloat())
          each.set(conditions[n % masks]!.get().select(sum.max(-most).min(most), kept[n]!))
        })
        whole.forEach((each, n) => {
          const other: IntVector = whole[pick(n, integers)]!.get()
          each.set(
            each
              .get()
              .xor(other.shl(1))
              .add(counts[n % scalars]!.get()),
          )
        })
        counts.forEach((each, n) => {
          const other = counts[pick(n, scalars)]!.get()
          k.if(
            other.and(1).eq(0),
            () => each.set(each.get().mul(3).add(other).and(0xffff)),
            () => each.set(each.get().sub(j)),
          )
        })
        conditions.forEach((each, n) => {
          const other: Mask = conditions[pick(n, masks)]!.get()
          each.set(
            each
              .get()
              .xor(other.not())
              .or(whole[n % integers]!.get().lt(7)),
          )
        })
      })
      // Carried over the inner loop: more than it leaves room for.
      kept.forEach((value, n) => floats[n]!.set(floats[n]!.get().add(value).max(-most).min(most)))
    })
    floats.forEach((each, i) => k.store(p.x.at(i * k.lanes), each.get()))
    whole.forEach((each, i) => k.store(p.y.at(i * k.lanes), each.get(), conditions[i % masks]!.get()))
    counts.forEach((each, i) => k.store(p.y.at(integers * k.lanes + i), each.get()))
  })

/** What is left in memory, lane by lane for the first four lanes: those that every machine has. */
function run(variant: (typeof variants)[number], given: Sizes): number[] {
  const { lanes } = variant
  const [floats, whole] = [base, base + 4 * 70 * 16]
  const parameters = [floats, whole, given.outer, given.inner]
  const heap = launch(
    { ...source(given), name: `pressure-${JSON.stringify(given)}` },
    variant,
    parameters,
    ({ f32, i32 }) => {
      for (let i = 0; i < given.vectors; i++)
        for (let lane = 0; lane < lanes; lane++)
          f32[floats / 4 + i * lanes + lane] = ((i * 13 + lane * 7) % 33) - 16
      for (let i = 0; i < given.integers; i++)
        for (let lane = 0; lane < lanes; lane++) i32[whole / 4 + i * lanes + lane] = i * 101 + lane * 17
    },
  )
  const firstLanes = (array: Float32Array | Int32Array, at: number, count: number): number[] =>
    Array.from({ length: 4 * count }, (_, i) => array[at / 4 + Math.floor(i / 4) * lanes + (i % 4)]!)
  const scalars = [
    ...heap.i32.subarray(
      whole / 4 + given.integers * lanes,
      whole / 4 + given.integers * lanes + given.scalars,
    ),
  ]
  return [
    ...firstLanes(heap.f32, floats, given.vectors),
    ...firstLanes(heap.i32, whole, given.integers),
    ...scalars,
  ]
}

const [first, ...others] = variants
describe.each(others)('$name, with more values than registers', (variant) => {
  test('gives what the first target gives', () => {
    fc.assert(
      fc.property(sizes, (given) => {
        expect(run(variant, given)).toEqual(run(first!, given))
      }),
      { numRuns: 40 },
    )
  })
})
