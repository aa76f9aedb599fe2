/** A batch of a task's prompts, written on. */
import { ShapeError, UsageError } from '../base/index.js'
import {
  type GenerationConfig,
  streamPieces,
  type TextEnd,
  type Writable,
  write,
  type WriteOptions,
} from '../generation/index.js'
import type { Tokenizer } from '../text/index.js'
import { inFieldNames, type WritingOptions } from './writing-options.js'

/** A text that a task wrote. */
export interface MadeText {
  /** What follows the prompt. */
  readonly ids: readonly number[]
  readonly text: string
  readonly end: TextEnd
}

/** A prompt's ids, and the number of its input. */
export interface PromptPiece {
  readonly ids: readonly number[]
  readonly input: number
}

/** How many tokens follow a prompt at most. */
export function limitOf({ options: { tokens, maxLength } }: GenerationConfig, prompt: number): number {
  return Math.max(0, tokens ?? (maxLength === undefined ? 0 : maxLength - prompt))
}

/**
 * Writes on from each prompt; gives the texts of each, of beams the best first.
 *
 * @throws UsageError and ShapeError for options that make no sense, by their names in `WritingOptions`
 */
export async function writePieces(task: string, ...given: Parameters<typeof written>): Promise<MadeText[][]> {
  try {
    return await written(...given)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ShapeError)) throw error
    const { operation, expected, found, hint } = error
    if (operation !== 'write' && operation !== 'streamPieces') throw error
    const named = { expected: inFieldNames(expected), found: inFieldNames(found), hint: inFieldNames(hint) }
    const Kind = error instanceof UsageError ? UsageError : ShapeError
    throw new Kind({ operation: task, ...named, cause: error })
  }
}

async function written(
  model: Writable,
  tokenizer: Tokenizer,
  pieces: readonly PromptPiece[],
  { options }: GenerationConfig,
  { signal, streamer, seed = 0 }: Pick<WritingOptions, 'signal' | 'streamer' | 'seed'>,
): Promise<MadeText[][]> {
  const { perPrompt = 1, beams = 1 } = options
  const asked: WriteOptions = {
    ...options,
    tokenizer,
    seeds: pieces.map(({ input }) => seed + input * perPrompt),
    ...(signal !== undefined && { signal }),
  }
  const prompts = pieces.map(({ ids }) => ids)
  const texts = pieces.map((): MadeText[] => [])
  if (beams > 1) {
    for (const { prompt, ids, text, end } of await write(model, prompts, asked)) {
      streamer?.(text, { input: pieces[prompt]!.input, sequence: texts[prompt]!.length })
      texts[prompt]!.push({ ids, text, end })
    }
    return texts
  }
  const rows = Array.from({ length: pieces.length * perPrompt }, () => ({
    ids: [] as number[],
    text: '',
    end: 'tokens' as TextEnd,
  }))
  for await (const { row, ids, text, end } of streamPieces(model, prompts, asked)) {
    const own = rows[row]!
    own.ids.push(...ids)
    own.text += text
    if (end !== undefined) own.end = end
    const input = pieces[Math.floor(row / perPrompt)]!.input
    if (text !== '') streamer?.(text, { input, sequence: row % perPrompt })
  }
  return texts.map((_, i) => rows.slice(i * perPrompt, (i + 1) * perPrompt))
}
