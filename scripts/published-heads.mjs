// Measures what each head of published models is worth, as `heads` of their recipes says, and writes it into
// results.json, the card and heads.svg. A run with heads in its recipe does so by itself.
//
//   node scripts/published-heads.mjs recipe …
//
// HEED_SHARED names the folder of data, HEED_REFERENCE_WEIGHTS that of real weights.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Of the built command's inside, which its package does not export.
const inside = (file) => import(new URL(`../packages/cli/dist/train/${file}`, import.meta.url).href)
const { publishedBy, stateHeads } = await inside('recipe/published.js')
const { Progress } = await inside('progress.js')
const recipes = fileURLToPath(new URL('../recipes', import.meta.url))
for (const name of process.argv.slice(2)) {
  const published = await publishedBy(join(recipes, name, 'train.json'))
  if (published === undefined) throw new Error(`${name}: nothing is published yet`)
  const progress = new Progress(process.stderr, process.env)
  await stateHeads(published, { progress, signal: new AbortController().signal })
  progress.end()
}
