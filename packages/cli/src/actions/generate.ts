import { briefPicture } from '@heed/studio'
import type { WeightFormat } from 'heed'
import { attendTo, lastTokens, textOfIds } from '../attend.js'
import type { Context } from '../context.js'
import { writeOn, type Continuation } from '../generate.js'
import { checkPage, titleOf, writeReport } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import { openModel, summaryOf, type NamedModel } from '../model.js'
import { escaped, jsonText, styled, textStream } from '../terminal.js'

export interface GenerateCommandOptions {
  readonly model?: string
  readonly weights: 'f32' | WeightFormat
  readonly tokens: number
  readonly temperature: number
  readonly topK?: number
  readonly topP: number
  readonly seed: number
  readonly attend?: boolean
  readonly html?: string
  readonly json?: boolean
}

/** Of a longer text the picture shows the end. */
const picturedTokens = 64

/** Writes on from a prompt, which is read once the model is there. */
export async function generateText(
  readPrompt: () => Promise<string>,
  options: GenerateCommandOptions,
  context: Context,
): Promise<void> {
  if (options.html !== undefined) await checkPage(options.html)
  const language = await openModel(options.model, options.weights)
  const continuation = await streamed(language, await readPrompt(), options, context)
  if (continuation.end !== 'interrupted') await show(language, continuation, options, context)
}

/** Writes on, and streams the text out unless JSON is wanted. */
async function streamed(
  language: NamedModel,
  prompt: string,
  options: GenerateCommandOptions,
  { output, rawOutput, errorOutput, environment }: Context,
): Promise<Continuation> {
  const { tokens, temperature, topK, topP, seed, json } = options
  const sampling = { tokens, temperature, topP, seed, ...(topK !== undefined && { topK }) }
  const stream = json ? undefined : textStream(rawOutput, environment)
  const interruption = listenForInterruption()
  try {
    stream?.write(prompt, 'bold')
    const continuation = await writeOn(
      language,
      prompt,
      sampling,
      (text) => stream?.write(text),
      interruption.signal,
    )
    stream?.end()
    stream?.write('\n')
    const { promptIds: _, ...told } = continuation
    if (json) output.write(`${jsonText({ model: language.name, ...told })}\n`)
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
