import { describe, expect, test } from 'vitest'
import { checkScores, checkTexts, realCase, whyNot } from './testing/real.js'

// What real models write, and how likely they find a text: equal ids, and log probabilities as near as their
// cases say.

for (const name of ['smollm2', 'gemma-3-270m']) {
  const found = realCase(name)
  describe.skipIf(typeof found === 'string')(`${name}${whyNot(found)}`, () => {
    test('texts', { timeout: 600_000 }, async () => expect(await checkTexts(found)).toEqual([]))
    test('scores', { timeout: 600_000 }, async () => expect(await checkScores(found)).toBeLessThan(1))
  })
}
