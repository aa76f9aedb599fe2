import { Option, type Command } from 'commander'
import type { EmbedCommandOptions } from '../actions/embed.js'
import type { Context } from '../context.js'
import { gathered, wholeNumber } from '../options.js'

/** `heed embed`: vectors of texts. */
export function register(program: Command, context: Context): void {
  program
    .command('embed')
    .argument('[file...]', 'files of texts, one a line, or .jsonl with "text"; "-" is the standard input')
    .summary('turn texts into vectors')
    .description(
      'Turns texts into vectors with a sentence encoder, as its own files say: pooling, dense layers, length. Every line ' +
        'is a text; every text gets a line of JSON, or a row of a .npy file. Work that was stopped goes on where it ' +
        'stopped, when the same command is given again.',
    )
    .requiredOption('--model <folder>', 'the folder of a sentence encoder')
    .option('--text <text>', 'a text itself, instead of files; may be given several times', gathered)
    .option(
      '--output <file>',
      'a file: .jsonl, or .npy (float32); default: the standard output, as JSON lines',
    )
    .option('--prompt <text>', 'stands in front of each text (default: what the model says)')
    .option('--prompt-name <name>', "one of the model's prompts, such as query")
    .option('--dimensions <n>', 'only the first n numbers of each vector', wholeNumber(1))
    .option('--normalize', 'vectors of length 1, whatever the model does')
    .addOption(
      new Option('--weights <format>', 'what matrices are in memory')
        .choices(['f32', 'bf16', 'int8', 'int4'])
        .default('f32'),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ heed embed --model all-MiniLM-L6-v2 sentences.txt --output sentences.npy
  $ heed embed --model all-MiniLM-L6-v2 --text "a cat" --text "a dog"
  $ cat questions.txt | heed embed --model all-MiniLM-L6-v2 -`,
    )
    .action(async (files: readonly string[], options: EmbedCommandOptions) => {
      const { embed } = await import('../actions/embed.js')
      await embed(files, options, context)
    })
}
