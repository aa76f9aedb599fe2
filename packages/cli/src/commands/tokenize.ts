import { Option, type Command } from 'commander'
import type { TokenizeOptions } from '../actions/tokenize.js'
import type { Context } from '../context.js'

const collected = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
]

/** `heed tokenize`: how a tokenizer cuts texts. */
export function register(program: Command, context: Context): void {
  program
    .command('tokenize')
    .argument('[text...]', 'texts, each in quotation marks; with --decode: token ids')
    .summary('show how a tokenizer cuts a text')
    .description(
      'Shows how a tokenizer cuts a text: the text with the borders of its tokens, then ids, tokens and spans ([start, ' +
        'end) in UTF-16 code units of the text), and how many there are. Without a text it reads a pipe, line by line: ' +
        'each line is a text, whatever the size of the whole.',
    )
    .option(
      '--tokenizer <path>',
      'a tokenizer file, a folder with one, or the package of a model (default: that of the model that heed ships)',
    )
    .option(
      '--file <path>',
      'read the lines of a file; of .jsonl the "text" of each; may be repeated',
      collected,
    )
    .option('--whole', 'take each file, or the pipe, as one text')
    .option('--pair <text>', 'a second text that each text is encoded with')
    .addOption(
      new Option('--specials <how>', 'whether special tokens that are written in a text become tokens')
        .choices(['allow', 'text'])
        .default('text'),
    )
    .option(
      '--no-special',
      'without what the tokenizer puts around a text; decoding leaves special tokens out',
    )
    .option('--decode', 'from ids back to texts')
    .option('--ids', 'print ids alone, a line for each text')
    .option('--json', 'print a line of JSON for each text')
    .option('--table', 'print the table of tokens for lines of files and pipes, too')
    .option('--compare <tokenizers...>', 'two tokenizers side by side, or one beside --tokenizer')
    .addHelpText(
      'after',
      `
Examples:
  $ heed tokenize "The cat sat on the mat."
  $ heed tokenize "The cat sat." --tokenizer model/tokenizer.json --json
  $ heed tokenize --file book.txt --ids > book.ids
  $ heed tokenize --decode 464 3797 3332
  $ cat book.txt | heed tokenize --compare one/tokenizer.json other/tokenizer.json
  $ heed tokenize --compare one/tokenizer.json other/tokenizer.json -- "The cat sat."`,
    )
    .action(async (texts: readonly string[], options: TokenizeOptions) => {
      const { tokenize } = await import('../actions/tokenize.js')
      await tokenize(texts, options, context)
    })
}
