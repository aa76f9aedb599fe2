// Measures published models again, on the first records of each evaluation of their recipes.
//
//   node scripts/first-scores.mjs [recipe …] [--write]
//
// Default: all recipes whose model is in models/. --write states what was found in results.json and the card,
// as a training does at its end.
// HEED_SHARED names the folder of data, HEED_REFERENCE_WEIGHTS that of real weights.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

// Of the built command's inside, which its package does not export.
const inside = new URL('../packages/cli/dist/train/recipe/published.js', import.meta.url)
const { measureAgain, publishedBy, stateAgain } = await import(inside.href)
const recipes = fileURLToPath(new URL('../recipes', import.meta.url))
const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : readdirSync(recipes)
for (const name of names) {
  const file = join(recipes, name, 'train.json')
  const published = existsSync(file) ? await publishedBy(file) : undefined
  if (published === undefined) continue
  const measured = await measureAgain(published)
  for (const { name: evaluation, stated, found } of measured)
    for (const [metric, value] of Object.entries(found.scores))
      console.log(
        `${name}  ${evaluation}  ${metric} ${value.toFixed(4)} (stated: ${stated?.scores[metric]?.toFixed(4) ?? 'nothing'})`,
      )
  if (values.write) await stateAgain(published, measured)
}
