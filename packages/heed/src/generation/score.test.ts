import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShapeError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { logProbabilityOf, scoreOf, write } from './index.js'
import { scatteredWritable, tableWritable } from './testing/table-writable.js'

const device = new Device(interpreter)
const anyIds = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 60 })

test('the sum of what each id has after those before it', async () => {
  const model = tableWritable(3, (ids) => (ids.at(-1) === 0 ? [0, Math.log(2), 0] : [Math.log(3), 0, 0]))
  const [after0, after1, none] = await scoreOf(model, [[0], [0, 1], [1]], [[1, 0], [2], []], device)
  expect(Math.exp(after0!.logProbability)).toBeCloseTo((2 / 4) * (3 / 5), 6)
  expect(after0!.logProbabilities.map((value) => Math.exp(value).toFixed(6))).toEqual([
    '0.500000',
    '0.600000',
  ])
  expect(Math.exp(after1!.logProbability)).toBeCloseTo(1 / 5, 6)
  expect(none).toEqual({ logProbability: 0, logProbabilities: [] })
  expect(model.asked).toEqual({ steps: 2, positions: 4, open: 0 })
})

test('what it gives to a text that was written is what the writing told', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(anyIds, { minLength: 1, maxLength: 3 }),
      fc.nat({ max: 40 }),
      async (prompts, tokens) => {
        const model = scatteredWritable(7)
        const texts = await write(model, prompts, { tokens, logprobs: 0, device })
        const scores = await scoreOf(
          model,
          prompts,
          texts.map(({ ids }) => ids),
          device,
        )
        texts.forEach(({ logprobs = [] }, i) => {
          const told = logprobs.map(({ logProbability }) => logProbability)
          expect(scores[i]!.logProbabilities).toEqual(told)
        })
      },
    ),
    { numRuns: 25 },
  ))

test('texts fit where only their last id is beyond the context', async () => {
  const model = scatteredWritable(7, 4)
  expect(await scoreOf(model, [[1, 2]], [[3, 4, 5]], device)).toHaveLength(1)
  await expect(scoreOf(model, [[1, 2]], [[3, 4, 5, 6]], device)).rejects.toThrow(
    /at most 5 ids, found one of 6/,
  )
})

test('refuses what makes no sense', async () => {
  const model = scatteredWritable(7)
  const scoring = (prompts: unknown, continuations: unknown): Promise<unknown> =>
    scoreOf(model, prompts as never, continuations as never, device)
  await expect(scoring([[1]], [])).rejects.toThrow(/for each of the 1 prompts, found 0/)
  await expect(scoring([[]], [[1]])).rejects.toThrow(UsageError)
  await expect(scoring([[1]], [1])).rejects.toThrow(UsageError)
  await expect(scoring([[1]], ['a'])).rejects.toThrow(UsageError)
  await expect(scoring([[1]], undefined)).rejects.toThrow(UsageError)
  await expect(scoring([[1]], [[7]])).rejects.toThrow(ShapeError)
  expect(await scoring([], [])).toEqual([])
  expect(logProbabilityOf([-Infinity, -Infinity])(0)).toBe(-Infinity)
})
