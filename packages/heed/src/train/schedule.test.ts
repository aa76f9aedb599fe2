import { describe, expect, test } from 'vitest'
import {
  constantSchedule,
  cosineSchedule,
  inverseSquareRootSchedule,
  linearSchedule,
  type Schedule,
  trapezoidSchedule,
} from './index.js'
import { referenceFolder, type ScheduleCase, tensorsOf, trainingCases } from './testing/reference.js'

function schedulesOf({
  warm_up: warmUp,
  total,
  peak,
  minimum,
  width,
}: ScheduleCase): Record<string, Schedule> {
  return {
    constant: constantSchedule({ peak }),
    constant_warm_up: constantSchedule({ peak, warmUp }),
    linear: linearSchedule({ peak, warmUp, total }),
    cosine: cosineSchedule({ peak, warmUp, total }),
    cosine_to_minimum: cosineSchedule({ peak, warmUp, total, minimum }),
    inverse_square_root: inverseSquareRootSchedule({ width, warmUp }),
  }
}

describe.skipIf(referenceFolder === undefined)(
  'schedules against the reference (set HEED_SHARED to run)',
  () => {
    test.each(trainingCases('schedule').map((reference) => [reference.name, reference] as const))(
      '%s',
      (_, reference) => {
        const tensors = tensorsOf(reference)
        const schedules = schedulesOf(reference)
        const steps = tensors.get('step')!.values
        const names = [...tensors.keys()].filter((name) => name !== 'step')
        expect(names.length).toBeGreaterThan(0)
        for (const name of names) {
          expect(Object.keys(schedules)).toContain(name)
          steps.forEach((step, i) => {
            const found = schedules[name]!(step)
            const expected = tensors.get(name)!.values[i]!
            expect(Math.abs(found - expected), `${name} at ${step}`).toBeLessThanOrEqual(
              reference.tolerance[name]!,
            )
          })
        }
      },
    )
  },
)

test('a trapezoid rises, stays and falls', () => {
  const rate = trapezoidSchedule({ peak: 8, warmUp: 4, total: 20, coolDown: 8, minimum: 0 })
  expect([0, 1, 4, 10, 12, 16, 20, 30].map(rate)).toEqual([0, 2, 8, 8, 8, 4, 0, 0])
})

test('without a warm-up the first step has the peak', () => {
  for (const schedule of [
    constantSchedule({ peak: 3 }),
    linearSchedule({ peak: 3, total: 10 }),
    cosineSchedule({ peak: 3, total: 10 }),
    trapezoidSchedule({ peak: 3, total: 10, coolDown: 5 }),
  ])
    expect(schedule(0)).toBe(3)
  expect(linearSchedule({ peak: 3, total: 0 })(5)).toBe(0)
})

test('options out of range are refused', () => {
  expect(() => cosineSchedule({ peak: NaN, total: 5 })).toThrow(
    /peak to be a number of at least 0, found NaN/,
  )
  expect(() => linearSchedule({ peak: 1, warmUp: -1, total: 5 })).toThrow(/warmUp/)
  expect(() => inverseSquareRootSchedule({ width: Infinity, warmUp: 1 })).toThrow(/width/)
})
