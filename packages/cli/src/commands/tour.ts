import type { Command } from 'commander'
import type { TourOptions } from '../actions/tour.js'
import type { Context } from '../context.js'
import { gathered } from '../options.js'

/** `heed tour`: the tasks on examples, with the models that heed ships. */
export function register(program: Command, context: Context): void {
  program
    .command('tour')
    .summary('show what the shipped models do, each on an example')
    .description(
      'Answers a question, judges an entailment, finds the nearest sentence, puts documents in order and writes a text on, each with the model ' +
        'that heed ships for it, and shows what was attended. A task whose model is not installed is left out.',
    )
    .option('--html <file>', 'write one page with all of it')
    .option('--model <task=folder>', 'another model for a task; may be given several times', gathered)
    .addHelpText(
      'after',
      `
Examples:
  $ heed tour
  $ heed tour --html tour.html
  $ heed tour --model question-answering=distilbert-squad`,
    )
    .action(async (options: TourOptions) => {
      const { tour } = await import('../actions/tour.js')
      await tour(options, context)
    })
}
