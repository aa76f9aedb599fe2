import type { Command } from 'commander'
import type { TrainOptions } from '../actions/train.js'
import type { Context } from '../context.js'
import { wholeNumber } from '../options.js'

const example = `
A configuration (paths are relative to its folder; what is left out of "training" has a default):
  {
    "model": { "context": 256, "width": 256, "layers": 6, "heads": 8 },
    "tokenizer": { "train": 4096 },
    "data": { "train": ["train.txt"], "validation": ["held-out.txt"] },
    "training": { "steps": 2000, "batch": 16, "rate": 0.002 },
    "output": "out"
  }
A configuration with a task:
  {
    "from": "all-MiniLM-L6-v2",
    "task": "text-classification",
    "head": { "labels": ["contradiction", "entailment", "neutral"] },
    "data": { "train": { "path": "pairs.csv", "fields": { "text": "premise", "pair": "hypothesis", "label": "label" } } },
    "training": { "epochs": 2, "batch": 32, "rate": 0.00005 },
    "output": "out"
  }
"tokenizer" may be the path of a tokenizer.json, too. Documents are separated by blank lines or <|endoftext|>, or stand
one a line in a .jsonl or .ndjson file, as {"text": "…"}. docs/commands.md has every field.

Examples:
  $ heed train config.json
  $ heed train config.json --watch              then open out/report.html
  $ heed train recipes/entailment --steps 3     a folder with a train.json; a few steps, to try it
  $ heed train config.json --resume             go on after Ctrl-C, or after a crash
  $ heed generate "The" --model out/model`

/** `heed train`: trains a decoder as a JSON file says. */
export function register(program: Command, context: Context): void {
  program
    .command('train')
    .argument('<config>', 'the configuration: a JSON file, or a folder with a train.json')
    .summary('train a model on text files, or fine-tune one for a task')
    .description(
      'Trains a model as a configuration says: a decoder on texts, or, with a "task", another model for that task, which ' +
        'is then measured and written as a package with its card. Ctrl-C finishes the step, saves and stops; a second one quits at once. ' +
        'Checkpoints are written whole: after a kill, too, --resume goes on from the last one as if nothing had happened.',
    )
    .option('--resume', 'go on from the newest checkpoint in the output folder')
    .option(
      '--watch',
      'keep the filters on a sentence while they form, and write a page that plays them: report.html',
    )
    .option('--steps <n>', 'so many steps, whatever the configuration says', wholeNumber(1))
    .option('--limit <n>', 'with a task: so many records of each file, to try it', wholeNumber(1))
    .option('--out <folder>', "the output folder, in place of the configuration's")
    .option('--json', 'print how it ended as JSON')
    .addHelpText('after', example)
    .action(async (file: string, options: TrainOptions) => {
      const { train } = await import('../actions/train.js')
      await train(file, options, context)
    })
}
