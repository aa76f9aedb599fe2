import { describe, expect, test } from 'vitest'
import { checkScores, checkTexts, realCase } from './testing/real.js'

// What real models write, and how likely they find a text: equal ids, and log probabilities as near as their
// cases say.

describe.each(['smollm2', 'gemma-3-270m'])('%s', (name) => {
  const found = realCase(name)
  const why = typeof found === 'string' ? `: ${found}` : ''
  const run = test.skipIf(typeof found === 'string')
  run(`texts${why}`, { timeout: 600_000 }, async () => expect(await checkTexts(found)).toEqual([]))
  run(`scores${why}`, { timeout: 600_000 }, async () => expect(await checkScores(found)).toBeLessThan(1))
})
