import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringWidth } from '../terminal.js'
import { barLine, Progress, type Moment } from './progress.js'

const moment: Moment = {
  step: 800,
  steps: 2000,
  loss: 3.41249,
  validation: 3.5,
  tokensPerSecond: 5120.4,
  secondsLeft: 200,
}

test('a bar with all there is, less where it is narrow', () => {
  expect(barLine(moment, 120)).toBe(
    '████████████░░░░░░░░░░░░░░░░░░ 40%  step 800/2,000  loss 3.412  3 min 20 s left  5,120 tokens/s  validation 3.500',
  )
  expect(barLine(moment, 60)).toBe('████░░░░░░░ 40%  step 800/2,000  loss 3.412  3 min 20 s left')
  expect(barLine(moment, 30)).toBe('████░░░░░░ 40%  step 800/2,000')
  expect(barLine(moment, 14)).toBe('████░░░░░░ 40%')
})

test('a bar fits into every width', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2000 }), (width, step) => {
      expect(stringWidth(barLine({ ...moment, step }, width))).toBeLessThanOrEqual(width)
    }),
  )
})

function watched(isTTY: boolean, environment = {}) {
  const written: string[] = []
  let now = 0
  const output = { write: (text: string) => written.push(text), isTTY, columns: 80 }
  const progress = new Progress(output, environment, () => now)
  return { written, progress, wait: (milliseconds: number) => (now += milliseconds) }
}

test('on a terminal the bar is drawn again, notes stand above it, and it goes away', () => {
  const { written, progress, wait } = watched(true)
  progress.stage('reading')
  progress.update({ ...moment, step: 1 })
  wait(50)
  progress.update({ ...moment, step: 2 })
  wait(60)
  progress.update({ ...moment, step: 3 })
  progress.note('a note')
  progress.end()
  progress.end()
  expect(written[0]).toContain('reading')
  expect(written.filter((text) => text.includes('step 2/'))).toEqual([])
  expect(written.join('')).toMatch(
    /^[^\n]*reading[^\n]*\r[^\n]*step 1\/2,000[^\n]*step 3\/[^\n]*\r\u001b\[Ka note\n\r[^\n]*step 3\/[^\n]*\r\u001b\[K$/,
  )
})

test.each([
  ['a pipe', false, {}],
  ['a dumb terminal', true, { TERM: 'dumb' }],
])('%s gets plain lines, now and then and at the end', (_, isTTY, environment) => {
  const { written, progress, wait } = watched(isTTY, environment)
  progress.stage('reading')
  for (let step = 1; step <= 2000; step++) {
    progress.update({ ...moment, step })
    wait(15)
  }
  progress.note('a note')
  progress.end()
  expect(written).toHaveLength(5)
  expect(written[0]).toBe('step 1/2,000  loss 3.412  3 min 20 s left  5,120 tokens/s  validation 3.500\n')
  expect(written[3]).toMatch(/^step 2,000\/2,000/)
  expect(written[4]).toBe('a note\n')
  expect(written.join('')).not.toMatch(/[\r\u001b]/)
})
