import { expect, test } from 'vitest'
import { chartOf } from './chart.js'
import { claimOf, shareOf } from './claim.js'
import { markdownOf } from './markdown.js'
import type { Figures, Result } from './measure.js'
import { summaryOf } from './statistics.js'

const figures = (name: string, target: string, ...values: number[]): Figures => {
  const role = name === 'heed' ? 'heed' : name.startsWith('limit') ? 'limit' : 'peer'
  return {
    participant: { name, role, module: '', variant: '' },
    target,
    how: '',
    ...(values.length > 0 ? { summary: summaryOf(values) } : { without: 'is not installed' }),
  }
}
const result = (higherIsBetter: boolean): Result => ({
  work: 'a <b> & c',
  unit: higherIsBetter ? 'GFLOP/s' : 'ms',
  higherIsBetter,
  figures: [
    figures('heed', 'x64', 30, 20, 40),
    figures('slow', 'wasm', 10),
    figures('quick', 'x64', 60, 61, 59),
    figures('absent', ''),
    figures('limit: wasm', 'wasm', 20, 25),
    figures('limit: x64, 1 thread', 'x64', 50, 45),
    figures('limit: x64, 2 threads', 'x64', 90, 100),
  ],
})

test('more is better: the best peer has the most, the limit is the most of the target of heed', () => {
  const claim = claimOf(result(true))
  expect(claim.heed).toEqual({ target: 'x64', median: 30, min: 20, max: 40 })
  expect(claim.best).toEqual({ peer: 'quick', ratio: 0.5 })
  expect(claim.limit).toBe(100)
  expect(claim.limits).toEqual({ wasm: 25, x64: 100 })
  expect(claim.without).toEqual({ absent: 'is not installed' })
})

test('less is better: the best peer has the least, the limit is the least', () => {
  const claim = claimOf(result(false))
  expect(claim.best).toEqual({ peer: 'slow', ratio: 1 / 3 })
  expect(claim.limit).toBe(45)
})

test('a share is taken of the limit of the same instructions', () => {
  const both = result(true)
  const claim = claimOf(both)
  expect(shareOf(claim, both.figures[0]!)).toBeCloseTo(0.3)
  expect(shareOf(claim, both.figures[1]!)).toBeCloseTo(0.4)
  expect(shareOf(claim, both.figures[3]!)).toBeUndefined()
})

test('without heed, or without peers, there is no ratio', () => {
  const { figures: all, ...rest } = result(true)
  const without = (role: string): Result => ({
    ...rest,
    figures: all.filter(({ participant }) => participant.role !== role),
  })
  expect(claimOf(without('heed'))).toMatchObject({ heed: null, best: null, limit: null })
  expect(claimOf(without('peer')).best).toBeNull()
})

test('the chart and the table show the ratio, and no markup of a name', () => {
  const claims = [claimOf(result(true))]
  const chart = chartOf(claims, 'a machine')
  expect(chart).toContain('a &lt;b&gt; &amp; c')
  expect(chart).toContain('class="worse"')
  expect(chart).toContain('0.500×: 30.0 beside 60.0 GFLOP/s, quick')
  expect(markdownOf(claims, 'a machine')).toContain(
    '| a <b> & c | GFLOP/s | 30.0 | 10.0 | **60.0** | 0.500× | 30% |',
  )
})
