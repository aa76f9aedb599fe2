import { text as readText } from 'node:stream/consumers'
import { Option, type Command } from 'commander'
import type { GenerateCommandOptions } from '../actions/generate.js'
import type { Context } from '../context.js'
import { adapterText, gathered, realNumber, weightChoices, wholeNumber } from '../options.js'

/** What is written on where no prompt is given. */
export const examplePrompt = 'The river flows through'

/** `heed generate`: writes on from a prompt. */
export function register(program: Command, context: Context): void {
  program
    .command('generate')
    .argument(
      '[prompt]',
      'the beginning of a text; "-" reads it from the standard input, without its last newline ' +
        `(default: "${examplePrompt}")`,
    )
    .summary('write on from a prompt')
    .description('Writes on from a prompt, token by token. The same seed gives the same text; Ctrl-C stops.')
    .option(
      '--model <path>',
      'a folder with config.json, weights and a tokenizer, or a GGUF file (default: the model that heed ships)',
    )
    .option('--adapter <folder>', adapterText)
    .option('--prompts <file>', 'write on from each line of a file instead; "-" is the standard input')
    .addOption(
      new Option(
        '--weights <format>',
        'what matrices are in memory: f32 is exact; stored, as the file has them (blocks of few bits then also ' +
          'round what they are multiplied with, to 8 bits), or rounded',
      )
        .choices(weightChoices)
        .default('stored'),
    )
    .option(
      '--tokens <n>',
      'how many tokens at most (default: 60, or what the model says)',
      wholeNumber(0, 1_000_000),
    )
    .option(
      '--temperature <t>',
      '0 takes the likeliest token each time; higher is more varied (default: 0.8, or what the model says)',
      realNumber({ least: 0, most: 100 }),
    )
    .option('--top-k <k>', 'choose among the k likeliest tokens', wholeNumber(1))
    .option(
      '--top-p <p>',
      'choose among the likeliest tokens that have this probability together (default: 0.9, or what the model says)',
      realNumber({ above: 0, most: 1 }),
    )
    .option(
      '--min-p <p>',
      'choose among the tokens that are at least so likely, as a share of the likeliest',
      realNumber({ least: 0, most: 1 }),
    )
    .option(
      '--repetition-penalty <p>',
      'above 1: what the text has already becomes less likely',
      realNumber({ above: 0, most: 100 }),
    )
    .option('--beams <n>', 'search for the likeliest text with so many beams', wholeNumber(1, 1000))
    .option('--stop <text>', 'end before this text; may be given several times', gathered)
    .option('--seed <s>', 'of the random choices', wholeNumber(0), 0)
    .option('--attend', 'then show what the model attended to')
    .option('--html <file>', 'write a page that shows what the model attended to, to open in a browser')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ heed generate "Once upon a time" --tokens 100 --seed 7
  $ heed generate "The capital of France is" --temperature 0
  $ heed generate --attend --html attention.html
  $ heed generate --model SmolLM2-135M-Instruct.Q4_1.gguf "The capital of France is"
  $ heed generate --prompts prompts.txt --json
  $ cat story.txt | heed generate -`,
    )
    .action(async (given: string | undefined, options: GenerateCommandOptions) => {
      const { generateText } = await import('../actions/generate.js')
      const readPrompt = async (): Promise<string> =>
        given === '-' ? withoutLastNewline(await readText(process.stdin)) : (given ?? examplePrompt)
      await generateText(readPrompt, { ...options, isGiven: given !== undefined }, context)
    })
}

/** `echo` and editors end a text with a newline that is none of it. */
function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}
