import type { Command } from 'commander'
import type { AttendOptions } from '../actions/attend.js'
import type { Context } from '../context.js'
import { adapterText, wholeNumber } from '../options.js'

/** `heed attend`: what every head of a model attends to in a text. */
export function register(program: Command, context: Context): void {
  program
    .command('attend')
    .argument('<text>', 'the text, in quotation marks')
    .summary('show what a model attends to in a text')
    .description(
      'Shows what a model attends to in a text: for every layer and head the attention filter as a heat map (queries ' +
        'downward, keys to the right), the scores of each head, and the likeliest next tokens. Scores: entropy in nats (0: ' +
        'one key gets all), previous (attention to the token before), first (to the first token), induction (to what ' +
        'followed earlier occurrences of the same token).',
    )
    .option(
      '--model <path>',
      'a folder with config.json, weights and a tokenizer, or a GGUF file (default: the model that heed ships)',
    )
    .option('--adapter <folder>', adapterText)
    .option('--pair <text>', 'a second text, which an encoder reads beside the first')
    .option('--target <text>', 'what an encoder-decoder is to make of the text (default: what it writes)')
    .option('--html <file>', 'write a page that shows it all, to open in a browser')
    .option('--layer <n>', 'show the heads of this layer alone, counted from 0', wholeNumber(0))
    .option(
      '--head <n>',
      'show the heads of this number alone; with --layer this one head, large',
      wholeNumber(0),
    )
    .option('--json', 'print JSON: every filter, every score')
    .addHelpText(
      'after',
      `
Examples:
  $ heed attend "The cat sat on the mat. The cat sat on the"
  $ heed attend "The cat sat on the mat." --layer 2 --head 3
  $ heed attend "The cat sat on the mat." --html cat.html
  $ heed attend --model all-MiniLM-L6-v2 "The cat sat on the mat." --pair "A cat sits."
  $ heed attend "The cat sat on the mat." --json | jq '.next[0]'`,
    )
    .action(async (text: string, options: AttendOptions) => {
      const { showAttention } = await import('../actions/attend.js')
      await showAttention(text, options, context)
    })
}
