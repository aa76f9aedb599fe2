import { Option, type Command } from 'commander'
import type { TrainTokenizerCommandOptions } from '../actions/train-tokenizer.js'
import type { Context } from '../context.js'
import { wholeNumber } from '../options.js'
import { presets } from '../tokenize/presets.js'

const collected = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
]

/** `heed train-tokenizer`: trains a tokenizer on text files. */
export function register(program: Command, context: Context): void {
  program
    .command('train-tokenizer')
    .argument('<file...>', 'text files, or .jsonl with a "text" on each line; "-" reads a pipe')
    .summary('train a tokenizer on text files')
    .description(
      'Trains a tokenizer on text files, of any size: memory grows with the different words. What each kind is set up ' +
        'like: bpe like GPT-2 (bytes, its words), with --preset sentencepiece like Llama 2; wordpiece like BERT; unigram ' +
        'like T5 and XLM-R; wordlevel by words and punctuation. The file is written whole, when the training is done.',
    )
    .addOption(
      new Option('--model <kind>', 'the kind of tokenizer')
        .choices(['bpe', 'wordpiece', 'unigram', 'wordlevel'])
        .default('bpe'),
    )
    .addOption(
      new Option('--preset <name>', "how texts are normalized and cut (default: the kind's own)").choices(
        Object.keys(presets),
      ),
    )
    .option('--vocabulary-size <n>', 'how many tokens at most', wholeNumber(1, 2 ** 24), 8192)
    .option('--out <file>', 'where it is written', 'tokenizer.json')
    .option('--special <token>', "a special token on top of the preset's; may be repeated", collected)
    .option('--min-frequency <n>', 'how often a pair, or a word, must be there to be a token', wholeNumber(0))
    .option('--cased', 'bert: keep capital letters and accents')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ heed train-tokenizer book.txt --vocabulary-size 4096
  $ heed train-tokenizer *.txt --model unigram --vocabulary-size 16000 --out unigram.json
  $ heed train-tokenizer texts.jsonl --model wordpiece --special "[NAME]"
  $ heed tokenize "The cat sat on the mat." --tokenizer tokenizer.json`,
    )
    .action(async (files: readonly string[], options: TrainTokenizerCommandOptions) => {
      const { trainTokenizerOn } = await import('../actions/train-tokenizer.js')
      await trainTokenizerOn(files, options, context)
    })
}
