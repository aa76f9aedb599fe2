import { text as readText } from 'node:stream/consumers'
import type { Command } from 'commander'
import { attend } from '../attend.js'
import type { Context } from '../context.js'
import { writeOn, type Continuation } from '../generate.js'
import { titleOf, writeReport } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import { openModel, summaryOf, type NamedModel } from '../model.js'
import { realNumber, wholeNumber } from '../options.js'
import { briefPicture } from '../picture/picture.js'
import { styled } from '../terminal.js'

interface GenerateCommandOptions {
  readonly model?: string
  readonly tokens: number
  readonly temperature: number
  readonly topK?: number
  readonly topP: number
  readonly seed: number
  readonly attend?: boolean
  readonly html?: string
  readonly json?: boolean
}

/** What is written on where no prompt is given. */
export const examplePrompt = 'The river flows through'

/** Of a longer text the picture shows the end. */
const picturedTokens = 64

/** `heed generate`: writes on from a prompt. */
export function register(program: Command, context: Context): void {
  program
    .command('generate')
    .argument(
      '[prompt]',
      `the beginning of a text; "-" reads it from the standard input (default: "${examplePrompt}")`,
    )
    .summary('write on from a prompt')
    .description('Writes on from a prompt, token by token. The same seed gives the same text; Ctrl-C stops.')
    .option(
      '--model <folder>',
      'a folder with config.json, model.safetensors and tokenizer.json (default: the model that heed ships)',
    )
    .option('--tokens <n>', 'how many tokens at most', wholeNumber(0, 1_000_000), 60)
    .option(
      '--temperature <t>',
      '0 takes the likeliest token each time; higher is more varied',
      realNumber({ least: 0, most: 100 }),
      0.8,
    )
    .option('--top-k <k>', 'choose among the k likeliest tokens', wholeNumber(1))
    .option(
      '--top-p <p>',
      'choose among the likeliest tokens that have this probability together',
      realNumber({ above: 0, most: 1 }),
      0.9,
    )
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
  $ cat story.txt | heed generate -`,
    )
    .action(async (given: string | undefined, options: GenerateCommandOptions) => {
      const language = await openModel(options.model)
      const prompt = given === '-' ? await readText(process.stdin) : (given ?? examplePrompt)
      const continuation = await streamed(language, prompt, options, context)
      if (continuation.end !== 'interrupted') await show(language, continuation, options, context)
    })
}

/** Writes on, and streams the text out unless JSON is wanted. */
async function streamed(
  language: NamedModel,
  prompt: string,
  options: GenerateCommandOptions,
  { output, errorOutput, environment }: Context,
): Promise<Continuation> {
  const { tokens, temperature, topK, topP, seed, json } = options
  const sampling = { tokens, temperature, topP, seed, ...(topK !== undefined && { topK }) }
  const write = (text: string): void => {
    if (!json) output.write(text)
  }
  const interruption = listenForInterruption()
  try {
    write(styled(output, 'bold', prompt, environment))
    const continuation = await writeOn(language, prompt, sampling, write, interruption.signal)
    write('\n')
    if (json) output.write(`${JSON.stringify({ model: language.name, ...continuation })}\n`)
    else if (errorOutput.isTTY) {
      const { ids, tokensPerSecond } = continuation
      const note = `${ids.length} tokens, ${Math.round(tokensPerSecond)} a second`
      errorOutput.write(`${styled(errorOutput, 'dim', note, environment)}\n`)
    }
    return continuation
  } finally {
    interruption.end()
  }
}

/** The picture and the page of what the model attended to in its own text. */
async function show(
  language: NamedModel,
  { prompt, text }: Continuation,
  options: GenerateCommandOptions,
  { output, errorOutput, environment }: Context,
): Promise<void> {
  if (!options.attend && options.html === undefined) return
  const result = attend(language, endOf(language, prompt + text))
  if (options.attend && !options.json) {
    output.write(`\n${briefPicture(result, { output, environment })}`)
  }
  if (options.html !== undefined) {
    const model = summaryOf(language.name, language)
    await writeReport(options.html, { title: titleOf(result.text), model, attend: result })
    errorOutput.write(`wrote ${options.html}: open it in a browser\n`)
  }
}

/** The end of a text that is too long for a picture, from a token's beginning on. */
function endOf({ tokenizer, config }: NamedModel, text: string): string {
  const { ids, spans } = tokenizer.encode(text, { addSpecial: false })
  const most = Math.min(picturedTokens, config.context)
  return ids.length <= most ? text : text.slice(spans[2 * (ids.length - most)])
}
