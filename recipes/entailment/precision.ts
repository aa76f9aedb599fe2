/**
 * What products in bf16 cost an entailment model: the recipe's first steps in f32 and in bf16, with the same
 * data and seed, measured on the same records.
 *
 *     node dist/entailment/precision.js [--steps 250] [--limit 1000] [--out FOLDER]
 *
 * `--limit` is of each evaluation's records. HEED_SHARED and HEED_REFERENCE_WEIGHTS are set as for the
 * recipe.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeFileWhole } from 'heed/internals'

const here = (path: string): string => fileURLToPath(new URL(`../../entailment/${path}`, import.meta.url))
const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '250' },
    limit: { type: 'string', default: '1000' },
    out: { type: 'string', default: here('.cache/precision') },
  },
})
const out = resolve(options.out)

interface Recipe {
  readonly data: Readonly<Record<string, unknown>>
  readonly training: Readonly<Record<string, unknown>> & { readonly adapter: { readonly from: string } }
  readonly evaluation: readonly {
    readonly data: Readonly<Record<string, unknown>> & { readonly path: string }
  }[]
}
interface Results {
  readonly evaluation: readonly {
    readonly name: string
    readonly found: {
      readonly scores: readonly { readonly value: number; readonly low: number; readonly high: number }[]
    }
  }[]
}

/** The configurations stand elsewhere than the recipe, from whose folder its paths are seen. */
const seenFromRecipe = (path: string): string => (path.startsWith('$') ? path : here(path))
const recipe = JSON.parse(readFileSync(here('train.json'), 'utf8')) as Recipe
rmSync(out, { recursive: true, force: true })
for (const precision of ['f32', 'bf16']) {
  const folder = join(out, precision)
  mkdirSync(folder, { recursive: true })
  const { epochs: _, ...training } = recipe.training
  const config = {
    ...recipe,
    publish: undefined,
    heads: undefined,
    watch: undefined,
    data: { train: recipe.data['train'] },
    training: {
      ...training,
      adapter: { ...training.adapter, from: seenFromRecipe(training.adapter.from) },
      steps: Number(options.steps),
      precision,
    },
    evaluation: recipe.evaluation.map((task) => ({
      ...task,
      data: { ...task.data, path: seenFromRecipe(task.data.path), limit: Number(options.limit) },
      learnFrom: undefined,
      baselines: false,
    })),
  }
  await writeFileWhole(join(folder, 'train.json'), Buffer.from(JSON.stringify(config)))
  const begin = performance.now()
  const command = fileURLToPath(new URL('../bin/heed.js', import.meta.resolve('@heed/cli')))
  const { status } = spawnSync(process.execPath, [command, 'train', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error(`precision: heed train ended with ${status ?? 'a signal'}`)
  const minutes = ((performance.now() - begin) / 60_000).toFixed(1)
  const results = JSON.parse(readFileSync(join(folder, '.cache/run/results.json'), 'utf8')) as Results
  for (const { name, found } of results.evaluation) {
    const { value, low, high } = found.scores[0]!
    const percent = (share: number): string => (share * 100).toFixed(1)
    process.stdout.write(
      `${precision}  ${name}: accuracy ${percent(value)} % (${percent(low)} to ${percent(high)}), ${minutes} min in all\n`,
    )
  }
}
