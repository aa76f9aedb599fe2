import type { ChatMessage } from 'heed'
import { present, writingAttended } from '../attended.js'
import type { Fields } from '../fields.js'
import { forPart, textIn, type AnyPipeline, type RunInputs, type RunnableTask } from './task.js'

/**
 * Drawn tokens hang on an input's place in the list: so that a result doesn't, each input is a list of its
 * own where tokens are drawn.
 */
export function byThemselves(inputOf: (fields: Fields) => unknown): RunInputs {
  return async (run, inputs, options) => {
    const all = inputs.map(inputOf)
    if (!draws(run, options)) return (await run(all, options)) as readonly unknown[]
    const results: unknown[] = []
    for (const [i, one] of all.entries())
      results.push(...((await run([one], forPart(options, i, i + 1, all.length))) as readonly unknown[]))
    return results
  }
}

/** The text of an input, or the messages of a conversation, which stand there as JSON. */
function promptIn(fields: Fields): string | readonly ChatMessage[] {
  const { messages } = fields
  return typeof messages === 'string' ? (JSON.parse(messages) as ChatMessage[]) : textIn(fields, 'text')
}

function draws({ model }: AnyPipeline, { do_sample: asked }: Readonly<Record<string, unknown>>): boolean {
  if (asked !== undefined) return asked === true
  return model.stored.json('generation_config.json')?.member('do_sample').value === true
}

interface Written {
  readonly generated_text: string | readonly ChatMessage[]
  readonly finish_reason: string
  readonly tokens: number
  readonly prompt_tokens: number
}

/** A text, or what a conversation's last message says. */
function textOf({ generated_text: text }: Written): string {
  if (typeof text === 'string') return text
  const content = text.at(-1)?.content
  return typeof content === 'string' ? content : ''
}

/** `text-generation`: a prompt, and what follows it. */
export const textGeneration: RunnableTask = {
  run: byThemselves(promptIn),
  async respond(run, inputs, options) {
    const results = (await byThemselves(promptIn)(run, inputs, options)) as readonly (
      | readonly Written[]
      | Error
    )[]
    return results.map((written) => {
      if (written instanceof Error) return written
      const { finish_reason, tokens, prompt_tokens } = written[0]!
      return {
        text: textOf(written[0]!),
        finish_reason,
        prompt_tokens,
        completion_tokens: tokens,
        created: Math.floor(Date.now() / 1000),
      }
    })
  },
  parts(fields, result) {
    const prompt = textIn(fields, 'text')
    return (result as readonly Written[]).map(textOf).map((text) => ({
      kind: 'text' as const,
      text,
      ...(text.startsWith(prompt) && prompt !== '' && { marks: [{ start: 0, end: prompt.length }] }),
    }))
  },
  attended: (_, __, attention) => present(writingAttended(attention)),
}

/** Tasks that make a text of another, under this name. */
function textToText(key: string): RunnableTask {
  return {
    run: byThemselves(promptIn),
    parts: (_, result) =>
      [result as Record<string, string> | readonly Record<string, string>[]]
        .flat()
        .map((one) => ({ kind: 'text' as const, text: one[key] ?? '' })),
    attended: (_, __, attention) => present(writingAttended(attention)),
  }
}

export const summarization: RunnableTask = textToText('summary_text')
export const text2TextGeneration: RunnableTask = textToText('generated_text')
export const translation: RunnableTask = textToText('translation_text')
