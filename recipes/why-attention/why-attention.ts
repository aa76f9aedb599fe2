/**
 * What attention replaced, and why: three models of one size on the same tasks, with three seeds each.
 *
 *     node dist/why-attention/why-attention.js [--task recall] … [--seed 0] … [--draw] [--json]
 *
 * Each finished run is a file in `finished/`, and is not made again; one that was stopped goes on from its
 * checkpoint. `results.json`, the charts and the tables of docs/why-attention.md are made of all runs, after
 * each of them. `--draw` only makes these. README.md beside this file says more.
 */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { listenForInterruption, ProgressLine } from '@heed/cli'
import { measureSymbols, type Which } from './measure-symbols.js'
import { measureTranslation } from './measure-translation.js'
import { writePage } from './page.js'
import { isRunOf, type Run, readRuns, runName, writeJson, writeRun } from './runs.js'
import {
  modelNames,
  seeds,
  settingsOf,
  symbolTasks,
  taskNames,
  taskOf,
  type TaskName,
  translationTask,
} from './settings.js'
import type { Watching } from './train.js'

const here = (path: string): string => fileURLToPath(new URL(`../../why-attention/${path}`, import.meta.url))
const { values: options } = parseArgs({
  options: {
    task: { type: 'string', multiple: true },
    seed: { type: 'string', multiple: true },
    draw: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const tasks = chosen('task', options.task, taskNames)
const wantedSeeds = chosen('seed', options.seed?.map(Number), seeds)
const interruption = listenForInterruption(() => process.stderr.write('\nstopping\n'))
const bar = new ProgressLine(process.stderr, process.env)

if (!options.draw) {
  const wanted = tasks.flatMap((task) =>
    wantedSeeds.flatMap((seed) => modelNames.map((model) => ({ task, seed, model }))),
  )
  for (const [number, which] of wanted.entries()) {
    if (interruption.signal.aborted) break
    const { task, model } = which
    const settings = settingsOf(taskOf(task), model)
    if ((await readRuns(here('finished'))).some((run) => isRunOf(run, { ...which, settings }))) continue
    const digest = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 8)
    const folder = here(`.cache/${runName(which)}-${digest}`)
    const what = `${runName(which)} (${number + 1} of ${wanted.length})`
    const run = await measure(task, which, {
      folder,
      signal: interruption.signal,
      onStep: (step) => bar.update(what, step, settings.steps, 'steps'),
      onPrepare: (done, total, unit) => bar.update(what, done, total, unit),
    })
    bar.end()
    if (run === undefined) break
    await writeRun(here('finished'), run)
    await rm(folder, { recursive: true, force: true })
    await writeResults()
  }
}
interruption.end()
const runs = await writeResults()
if (options.json) process.stdout.write(`${JSON.stringify(runs, undefined, 2)}\n`)
if (interruption.signal.aborted) process.exitCode = 130

function measure(task: TaskName, which: Which, watching: Watching): Promise<Run | undefined> {
  return task === 'translation'
    ? measureTranslation(translationTask, which, watching)
    : measureSymbols(task, symbolTasks[task], which, watching)
}

/** Files that are made of all runs. */
async function writeResults(): Promise<readonly Run[]> {
  const all = await readRuns(here('finished'))
  await writeJson(
    here('results.json'),
    all.map((run) => ({ ...run, shown: undefined })),
  )
  await writePage(all, here('../../docs'))
  return all
}

/** What an option names, of what there is; all without the option. */
function chosen<T extends string | number>(
  option: string,
  given: readonly (string | number)[] | undefined,
  all: readonly T[],
): readonly T[] {
  const unknown = given?.find((one) => !(all as readonly (string | number)[]).includes(one))
  if (unknown !== undefined) {
    process.stderr.write(`why-attention: --${option} is one of ${all.join(', ')}, and not ${unknown}\n`)
    process.exit(2)
  }
  return given === undefined ? all : all.filter((one) => given.includes(one))
}
