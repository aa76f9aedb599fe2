import { expect, test } from 'vitest'
import { charactersOf, train } from './train.js'
import { settings, variantNames } from './variants.js'

const text = 'to be, or not to be, that is the question: '.repeat(60)

test.each(variantNames)('a few steps with attention of the kind %s', async (name) => {
  const short = { ...settings, width: 16, heads: 2, layers: 2, context: 24, batch: 4, steps: 12, window: 8 }
  const found = await train(name, { ...short, span: 8, ramp: 4, kept: 4 }, charactersOf(text), 1)
  expect(found.loss).toBeLessThan(found.along[0]!.loss)
  expect(found.parameters).toBeGreaterThan(1000)
  expect(found.bytes).toBeGreaterThan(4 * found.parameters)
  if (name !== 'adaptive span') return expect(found.spans).toBe(undefined)
  expect(found.spans!.map((own) => own.length).join()).toBe('2,2')
  expect(found.spans!.flat().every((span) => span >= 0 && span !== 8)).toBe(true)
})
