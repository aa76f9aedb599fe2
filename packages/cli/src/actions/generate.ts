import { briefPicture } from '@heed/studio'
import { attendTo, lastTokens, textOfIds } from '../attend.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { writeOn, writerOf, type Continuation, type GenerateOptions, type Writer } from '../generate.js'
import { checkPage, titleOf, writeReport } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import { openModel, summaryOf, type NamedModel } from '../model.js'
import type { WeightChoice } from '../options.js'
import { ProgressLine } from '../progress-line.js'
import { escaped, jsonText, styled, textStream } from '../terminal.js'
import { fileSource, linesOf, pipeSource } from '../tokenize/texts.js'

export interface GenerateCommandOptions {
  readonly model?: string
  readonly weights: WeightChoice
  readonly prompts?: string
  readonly tokens?: number
  readonly temperature?: number
  readonly adapter?: string
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly beams?: number
  readonly stop?: readonly string[]
  readonly seed: number
  readonly attend?: boolean
  readonly html?: string
  readonly json?: boolean
}

/** Of a longer text the picture shows the end. */
const picturedTokens = 64
/** Prompts of a file that are written on together. */
const together = 16

/** Writes on from a prompt, which is read once the model is there, or from each line of a file. */
export async function generateText(
  readPrompt: () => Promise<string>,
  options: GenerateCommandOptions & { readonly isGiven?: boolean },
  context: Context,
): Promise<void> {
  if (options.prompts !== undefined && options.isGiven === true)
    throw new UsageError('generate: expected a prompt or --prompts, found both')
  if (options.html !== undefined) await checkPage(options.html)
  if (options.prompts !== undefined && (options.attend === true || options.html !== undefined))
    throw new UsageError('generate: --attend and --html show one text, and not those of --prompts')
  const language = await openModel(options.model, options.weights, options.adapter)
  const writer = writerOf(language)
  if (options.prompts !== undefined) return generateAll(language, writer, options.prompts, options, context)
  const continuation = await streamed(language, writer, await readPrompt(), options, context)
  if (continuation.end !== 'interrupted') await show(language, continuation, options, context)
}

function asked(options: GenerateCommandOptions): GenerateOptions {
  const { tokens, temperature, topK, topP, minP, repetitionPenalty, beams, stop, seed } = options
  const given = { tokens, temperature, topK, topP, minP, repetitionPenalty, beams, stopStrings: stop, seed }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** Writes on, and streams the text out unless JSON is wanted. */
async function streamed(
  { name, family }: NamedModel,
  writer: Writer,
  prompt: string,
  options: GenerateCommandOptions,
  { output, rawOutput, errorOutput, environment }: Context,
): Promise<Continuation> {
  const stream = options.json ? undefined : textStream(rawOutput, environment)
  const interruption = listenForInterruption()
  try {
    // What an encoder-decoder writes stands for itself.
    if (family === 'decoder') stream?.write(prompt, 'bold')
    const [continuation] = await writeOn(
      writer,
      [prompt],
      asked(options),
      (_, text) => stream?.write(text),
      interruption.signal,
    )
    stream?.end()
    stream?.write('\n')
    const { promptIds: _, ...told } = continuation!
    if (options.json) output.write(`${jsonText({ model: name, ...told })}\n`)
    else if (errorOutput.isTTY) {
      const { ids, tokensPerSecond } = continuation!
      const note = `${ids.length} tokens, ${Math.round(tokensPerSecond)} a second`
      errorOutput.write(`${styled(errorOutput, 'dim', note, environment)}\n`)
    }
    return continuation!
  } finally {
    interruption.end()
  }
}

/** Writes on from each line of a file, several at the same time; the results come in the file's order. */
async function generateAll(
  { name, family }: NamedModel,
  writer: Writer,
  path: string,
  options: GenerateCommandOptions,
  { output, rawOutput, errorOutput, environment }: Context,
): Promise<void> {
  const interruption = listenForInterruption()
  const progress = rawOutput.isTTY === true ? undefined : new ProgressLine(errorOutput, environment)
  try {
    const lines = await promptsIn(path, interruption.signal)
    const prompts = lines.map(({ text }) => text)
    for (let at = 0; at < prompts.length && !interruption.signal.aborted; at += together) {
      const some = prompts.slice(at, at + together)
      const { seed } = options
      const written = await writeOn(
        writer,
        some,
        { ...asked(options), seed: seed + at },
        () => {},
        interruption.signal,
      )
      for (const [i, { promptIds: _, ...told }] of written.entries()) {
        if (told.end === 'interrupted') continue
        const { line } = lines[at + i]!
        if (options.json) output.write(`${JSON.stringify({ model: name, line, ...told })}\n`)
        else output.write(`${family === 'decoder' ? escaped(told.prompt) : ''}${escaped(told.text)}\n`)
      }
      progress?.update('prompts', at + some.length, prompts.length, 'prompts')
    }
    if (interruption.signal.aborted)
      errorOutput.write(`${styled(errorOutput, 'dim', 'stopped before the end', environment)}\n`)
  } finally {
    progress?.end()
    interruption.end()
  }
}

/** The lines that aren't empty, each with its number, counted from 1. */
async function promptsIn(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly line: number }[]> {
  const prompts: { text: string; line: number }[] = []
  let line = 0
  for await (const { text } of linesOf(path === '-' ? pipeSource(signal) : fileSource(path, signal))) {
    line++
    if (text !== '') prompts.push({ text, line })
  }
  return prompts
}

/** The picture and the page of what the model attended to in its own text. */
async function show(
  language: NamedModel,
  { promptIds, ids }: Continuation,
  options: GenerateCommandOptions,
  { output, errorOutput, environment }: Context,
): Promise<void> {
  if (!options.attend && options.html === undefined) return
  // The ids that there are: their text, encoded again, may have others, and more.
  const read = textOfIds(language.tokenizer, [...promptIds, ...ids])
  if (read.ids.length === 0) {
    errorOutput.write('no tokens: nothing to show\n')
    return
  }
  if (language.family !== 'decoder') return
  const result = attendTo(language, lastTokens(read, Math.min(picturedTokens, language.config.context)))
  if (options.attend && !options.json) {
    output.write(`\n${briefPicture(result, { output, environment })}`)
  }
  if (options.html !== undefined) {
    const model = summaryOf(language.name, language)
    await writeReport(options.html, { title: titleOf(result.text), model, attend: result })
    errorOutput.write(`wrote ${escaped(options.html)}: open it in a browser\n`)
  }
}
