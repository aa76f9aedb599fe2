import type { Command } from 'commander'
import { attend, attendJson } from '../attend.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { titleOf, writeReport } from '../html.js'
import { openModel, summaryOf, type NamedModel } from '../model.js'
import { wholeNumber } from '../options.js'
import { attendPicture } from '../picture/picture.js'

interface AttendOptions {
  readonly model?: string
  readonly html?: string
  readonly json?: boolean
  readonly layer?: number
  readonly head?: number
}

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
      '--model <folder>',
      'a folder with config.json, model.safetensors and tokenizer.json (default: the model that heed ships)',
    )
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
  $ heed attend "The cat sat on the mat." --json | jq '.next[0]'`,
    )
    .action(async (text: string, options: AttendOptions) => {
      const { output, errorOutput, environment } = context
      const language = await openModel(options.model)
      checkHead(options, language)
      const result = attend(language, text)
      if (options.html !== undefined) {
        const model = summaryOf(language.name, language)
        await writeReport(options.html, { title: titleOf(text), model, attend: result })
        errorOutput.write(`wrote ${options.html}\n`)
      }
      output.write(
        options.json
          ? `${attendJson(result)}\n`
          : attendPicture(result, { output, environment, layer: options.layer, head: options.head }),
      )
    })
}

function checkHead({ layer, head }: AttendOptions, { config }: NamedModel): void {
  const check = (name: string, value: number | undefined, count: number): void => {
    if (value === undefined || value < count) return
    throw new UsageError(`--${name} ${value}: the model has ${name}s 0 to ${count - 1}`)
  }
  check('layer', layer, config.layers)
  check('head', head, config.heads)
}
