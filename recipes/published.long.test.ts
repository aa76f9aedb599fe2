import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { measureAgain, publishedBy } from '../packages/cli/src/train/recipe/published.js'

/** Each shipped model reaches what its card says: measured again on the first records of each evaluation. */

const here = fileURLToPath(new URL('.', import.meta.url))
const recipes = readdirSync(here).filter((name) => existsSync(join(here, name, 'train.json')))

/** Why they can't run here; undefined where they can. */
const reason = ['HEED_SHARED', 'HEED_REFERENCE_WEIGHTS'].find((name) => process.env[name] === undefined)
const skipped = reason === undefined ? '' : ` (${reason} names no folder)`

/** Half a point of a hundred; all metrics are from 0 to 1. */
const tolerance = 0.005

describe.skipIf(reason !== undefined)(`shipped models${skipped}`, async () => {
  const published =
    reason === undefined
      ? await Promise.all(recipes.map((name) => publishedBy(join(here, name, 'train.json'))))
      : []
  test.each(
    recipes.map((name, i) => ({ name, model: published[i] })).filter(({ model }) => model !== undefined),
  )('$name: scores of the first records', async ({ model }) => {
    const measured = await measureAgain(model!)
    expect(measured.length).toBeGreaterThan(0)
    for (const { name, stated, found } of measured) {
      expect(
        stated,
        `${name}: results.json states them (node scripts/first-scores.mjs --write)`,
      ).toBeDefined()
      expect(found.records).toBe(stated!.records)
      for (const [metric, value] of Object.entries(stated!.scores)) {
        const difference = Math.abs(found.scores[metric]! - value)
        expect(difference, `${name}: ${metric} ${value}`).toBeLessThanOrEqual(tolerance + 1e-9)
      }
    }
  })
})
