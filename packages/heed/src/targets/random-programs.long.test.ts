import fc from 'fast-check'
import { test } from 'vitest'
import { variants } from './testing/launch.js'
import { compareRandom, randomChoices } from './testing/random-runs.js'

const numRuns = 2000 * Number(process.env['HEED_LONG'] ?? 1)

test.each(variants)(`$name: ${numRuns} random programs`, { timeout: 1e9 }, (variant) => {
  fc.assert(
    fc.property(randomChoices, (choices) => compareRandom(variant, choices)),
    { numRuns },
  )
})
