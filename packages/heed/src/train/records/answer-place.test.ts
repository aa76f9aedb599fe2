import { expect, test } from 'vitest'
import { likeliestPlace } from './answer-place.js'

const context =
  'In 1985 the Bears won. The 1985 team is remembered for its defence; the 19850 tickets sold out at once.'

test('of several places the one near the question’s words is taken, as whole words', () => {
  expect(likeliestPlace('1985', context, 'Which team is remembered for its defence?')).toBe(
    context.indexOf('1985 team'),
  )
  expect(likeliestPlace('1985', context, 'When?')).toBe(3)
  // Only as a part of a word, or not at all.
  expect(likeliestPlace('ickets', context, 'What sold out?')).toBe(context.indexOf('ickets'))
  expect(likeliestPlace('Lions', context, 'Who won?')).toBe(-1)
})

test('a text that repeats the answer a million times takes no time to speak of', () => {
  expect(likeliestPlace('ab', 'ab '.repeat(400_000), 'ab?')).toBe(0)
})
