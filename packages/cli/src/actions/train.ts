import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { DataSource } from 'heed'
import type { Context } from '../context.js'
import { countText } from '../format.js'
import { listenForInterruption, type Interruption } from '../interruption.js'
import { decoderTraining, parsedConfig } from '../train/config.js'
import { textOf } from '../train/prepare.js'
import { Progress } from '../train/progress.js'
import { escaped, jsonText } from '../terminal.js'
import { recipeOf, recipeSection, type RecipeConfig } from '../train/recipe/config.js'
import type { EvaluationConfig } from '../train/recipe/results-config.js'
import { runRecipe } from '../train/recipe/run.js'
import { recipeTasks } from '../train/recipe/tasks.js'
import { runTraining, type RunOptions, type RunResult } from '../train/run.js'

export interface TrainOptions {
  readonly out?: string
  readonly resume?: boolean
  readonly watch?: boolean
  readonly steps?: number
  readonly limit?: number
  readonly json?: boolean
}

/** The configuration in a folder. */
const configName = 'train.json'

/** Trains as a configuration says. */
export async function train(
  path: string,
  options: TrainOptions,
  { output, errorOutput, environment, version }: Context,
): Promise<void> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true
  const file = isFolder ? join(path, configName) : path
  const text = await textOf(
    file,
    'a configuration that can be read',
    "name a JSON file, or a folder with a train.json; 'heed train --help' shows one",
  )
  const work = workOf(parsedConfig(text, file), file, options)
  const progress = new Progress(errorOutput, environment)
  let interruption: Interruption | undefined
  const listen = (): AbortSignal => {
    const note = 'finishing the step and saving; Ctrl-C again quits at once'
    interruption = listenForInterruption(() => progress.note(note))
    return interruption.signal
  }
  try {
    const result = await work({
      resume: options.resume === true,
      watch: options.watch === true,
      progress,
      listen,
      version,
    })
    output.write(options.json ? `${jsonText(result)}\n` : resultText(result, path, options))
  } finally {
    interruption?.end()
  }
}

/** What a configuration asks for: a recipe where it has a task, else the training of a decoder. */
function workOf(
  json: unknown,
  file: string,
  { out, steps, limit }: TrainOptions,
): (options: RunOptions) => Promise<RunResult> {
  const isRecipe =
    typeof json === 'object' && json !== null && ['task', 'from', 'new'].some((name) => name in json)
  if (isRecipe) {
    const recipe = recipeOf(recipeSection(json, file), file, Object.keys(recipeTasks))
    const config = shortened({ ...recipe, ...(out !== undefined && { output: resolve(out) }) }, steps, limit)
    return (options) => runRecipe(config, options)
  }
  const given = decoderTraining(json, file)
  const { training } = given
  const config = {
    ...given,
    ...(out !== undefined && { output: resolve(out) }),
    ...(steps !== undefined && {
      training: { ...training, steps, warmUp: Math.min(training.warmUp, steps) },
    }),
  }
  return (options) => runTraining(config, options)
}

/** A recipe to try: fewer steps or records, whose package goes to the output folder. */
function shortened(config: RecipeConfig, steps: number | undefined, limit: number | undefined): RecipeConfig {
  if (steps === undefined && limit === undefined) return config
  const { training, data, evaluation, heads, publish } = config
  const fewer = (sources: readonly DataSource[]): readonly DataSource[] =>
    limit === undefined
      ? sources
      : sources.map((source) => ({ ...source, limit: Math.min(limit, source.limit ?? limit) }))
  const less = (task: EvaluationConfig): EvaluationConfig => ({
    ...task,
    data: fewer(task.data),
    learnFrom: fewer(task.learnFrom),
  })
  return {
    ...config,
    ...(steps !== undefined && { training: { ...training, steps, epochs: undefined } }),
    data: { ...data, train: fewer(data.train), validation: fewer(data.validation) },
    evaluation: evaluation.map(less),
    heads: heads && { ...heads, evaluation: less(heads.evaluation) },
    publish: publish && { ...publish, to: join(config.output, 'package') },
  }
}

/** How a run ended, in lines. */
function resultText(result: RunResult, file: string, { out, watch }: TrainOptions): string {
  const { reason, step, steps, loss, validation, metrics, bitsPerByte, checkpoint, model } = result
  const { published, report } = result
  const losses = [
    ...(loss === null ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(validation === null ? [] : [`validation ${validation.toFixed(4)}`]),
    ...(bitsPerByte === null ? [] : [`${bitsPerByte.toFixed(3)} bits per byte`]),
    ...Object.entries(metrics ?? {}).map(([name, value]) => `${name} ${value.toFixed(4)}`),
  ]
  const lines = [
    `${reason} at step ${countText(step)} of ${countText(steps)}${losses.map((text) => `, ${text}`).join('')}`,
    ...(checkpoint === null ? [] : [`checkpoint  ${checkpoint}`]),
    ...(report === null ? [] : [`page        ${report}`]),
    ...(published === null ? [] : [`package     ${published}`]),
    model === null
      ? `go on with: heed train ${file} --resume${watch ? ' --watch' : ''}${out === undefined ? '' : ` --out ${out}`}`
      : `model       ${model}${metrics === null ? `: try it with heed generate --model ${model}` : ''}`,
  ]
  return lines.map((line) => `${escaped(line)}\n`).join('')
}
