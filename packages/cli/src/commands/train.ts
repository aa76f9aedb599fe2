import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { countText } from '../format.js'
import { listenForInterruption, type Interruption } from '../interruption.js'
import { parseTrainConfig, type TrainConfig } from '../train/config.js'
import { textOf } from '../train/prepare.js'
import { Progress } from '../train/progress.js'
import { runTraining, type RunResult } from '../train/run.js'

interface TrainOptions {
  readonly out?: string
  readonly resume?: boolean
  readonly watch?: boolean
  readonly json?: boolean
}

const example = `
A configuration (paths are relative to its folder; what is left out of "training" has a default):
  {
    "model": { "context": 256, "width": 256, "layers": 6, "heads": 8 },
    "tokenizer": { "train": 4096 },
    "data": { "train": ["train.txt"], "validation": ["held-out.txt"] },
    "training": { "steps": 2000, "batch": 16, "rate": 0.002 },
    "output": "out"
  }
"tokenizer" may be the path of a tokenizer.json, too. Documents are separated by blank lines or <|endoftext|>, or stand
one a line in a .jsonl file, as {"text": "…"}. docs/commands.md has every field.

Examples:
  $ heed train config.json
  $ heed train config.json --watch              then open out/report.html
  $ heed train config.json --resume             go on after Ctrl-C, or after a crash
  $ heed generate "The" --model out/model`

/** `heed train`: trains a decoder as a JSON file says. */
export function register(program: Command, context: Context): void {
  program
    .command('train')
    .argument('<config>', 'the configuration, a JSON file')
    .summary('train a model on text files')
    .description(
      'Trains a decoder as a configuration says. Ctrl-C finishes the step, saves and stops; a second one quits at once. ' +
        'Checkpoints are written whole: after a kill, too, --resume goes on from the last one as if nothing had happened.',
    )
    .option('--resume', 'go on from the newest checkpoint in the output folder')
    .option(
      '--watch',
      'keep the filters on a sentence while they form, and write a page that plays them: report.html',
    )
    .option('--out <folder>', "the output folder, in place of the configuration's")
    .option('--json', 'print how it ended as JSON')
    .addHelpText('after', example)
    .action(async (file: string, options: TrainOptions) => {
      const { output, errorOutput, environment } = context
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
        })
        output.write(options.json ? `${JSON.stringify(result)}\n` : resultText(result, file, options))
      } finally {
        interruption?.end()
      }
    })
}

function withOutput(config: TrainConfig, out: string | undefined): TrainConfig {
  return out === undefined ? config : { ...config, output: resolve(out) }
}

/** How a run ended, in lines. */
export function resultText(result: RunResult, file: string, { out, watch }: TrainOptions = {}): string {
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
  return lines.map((line) => `${line}\n`).join('')
}
