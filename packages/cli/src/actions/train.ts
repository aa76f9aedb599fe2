import { resolve } from 'node:path'
import type { Context } from '../context.js'
import { countText } from '../format.js'
import { listenForInterruption, type Interruption } from '../interruption.js'
import { parseTrainConfig, type TrainConfig } from '../train/config.js'
import { textOf } from '../train/prepare.js'
import { Progress } from '../train/progress.js'
import { escaped, jsonText } from '../terminal.js'
import { runTraining, type RunResult } from '../train/run.js'

export interface TrainOptions {
  readonly out?: string
  readonly resume?: boolean
  readonly watch?: boolean
  readonly json?: boolean
}

/** Trains as a configuration says. */
export async function train(
  file: string,
  options: TrainOptions,
  { output, errorOutput, environment, version }: Context,
): Promise<void> {
  const text = await textOf(
    file,
    'a configuration that can be read',
    "name a JSON file; 'heed train --help' shows one",
  )
  const config = withOutput(parseTrainConfig(text, file), options.out)
  const progress = new Progress(errorOutput, environment)
  let interruption: Interruption | undefined
  const listen = (): AbortSignal => {
    const note = 'finishing the step and saving; Ctrl-C again quits at once'
    interruption = listenForInterruption(() => progress.note(note))
    return interruption.signal
  }
  try {
    const result = await runTraining(config, {
      resume: options.resume === true,
      watch: options.watch === true,
      progress,
      listen,
      version,
    })
    output.write(options.json ? `${jsonText(result)}\n` : resultText(result, file, options))
  } finally {
    interruption?.end()
  }
}

function withOutput(config: TrainConfig, out: string | undefined): TrainConfig {
  return out === undefined ? config : { ...config, output: resolve(out) }
}

/** How a run ended, in lines. */
function resultText(result: RunResult, file: string, { out, watch }: TrainOptions): string {
  const { reason, step, steps, loss, validation, bitsPerByte, checkpoint, model, report } = result
  const losses = [
    ...(loss === null ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(validation === null ? [] : [`validation ${validation.toFixed(4)}`]),
    ...(bitsPerByte === null ? [] : [`${bitsPerByte.toFixed(3)} bits per byte`]),
  ]
  const lines = [
    `${reason} at step ${countText(step)} of ${countText(steps)}${losses.map((text) => `, ${text}`).join('')}`,
    ...(checkpoint === null ? [] : [`checkpoint  ${checkpoint}`]),
    ...(report === null ? [] : [`page        ${report}`]),
    model === null
      ? `go on with: heed train ${file} --resume${watch ? ' --watch' : ''}${out === undefined ? '' : ` --out ${out}`}`
      : `model       ${model}: try it with heed generate --model ${model}`,
  ]
  return lines.map((line) => `${escaped(line)}\n`).join('')
}
