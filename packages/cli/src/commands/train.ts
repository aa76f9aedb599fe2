import type { Command } from 'commander'
import type { TrainOptions } from '../actions/train.js'
import type { Context } from '../context.js'

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
one a line in a .jsonl or .ndjson file, as {"text": "…"}. docs/commands.md has every field.

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
      const { train } = await import('../actions/train.js')
      await train(file, options, context)
    })
}
