import { generate, type GenerateOptions } from 'heed'
import type { RunnableModel } from './model.js'

/** The token that training puts before every document: texts start with it and end where it comes again. */
export const documentToken = '<|endoftext|>'

/** A text that a model wrote on. */
export interface Continuation {
  readonly prompt: string
  /** The prompt's tokens, without the one that starts a text. */
  readonly promptIds: readonly number[]
  /** What follows the prompt. */
  readonly text: string
  readonly ids: readonly number[]
  /** Why it ends: all tokens are there, the model ended the text, or it was interrupted. */
  readonly end: 'tokens' | 'text' | 'interrupted'
  readonly tokensPerSecond: number
}

/**
 * Writes on from a prompt. Other work of the process runs between tokens.
 *
 * @param onText called with each piece of text, whole characters only
 * @throws {UsageError} for options that make no sense, or an empty prompt where the tokenizer has no token to
 * start with
 */
export async function writeOn(
  language: RunnableModel,
  prompt: string,
  options: Omit<GenerateOptions, 'stop'>,
  onText: (text: string) => void,
  signal?: AbortSignal,
): Promise<Continuation> {
  const { tokenizer, model, config } = language
  const start = tokenizer.id(documentToken)
  const before = start === undefined ? [] : [start]
  const encoded = tokenizer.encode(prompt, { addSpecial: false }).ids
  const decoder = tokenizer.stream()
  const ids: number[] = []
  let text = ''
  const write = (piece: string): void => {
    text += piece
    if (piece !== '') onText(piece)
  }
  const started = performance.now()
  for (const id of generate(model, config, [...before, ...encoded], { ...options, stop: before })) {
    ids.push(id)
    write(tokenizer.token(id) === undefined ? '' : decoder.push(id))
    await new Promise(setImmediate)
    if (signal?.aborted) break
  }
  write(decoder.end())
  const seconds = (performance.now() - started) / 1000
  const end = signal?.aborted ? 'interrupted' : ids.length === options.tokens ? 'tokens' : 'text'
  return {
    prompt,
    promptIds: [...encoded],
    text,
    ids,
    end,
    tokensPerSecond: ids.length / Math.max(1e-9, seconds),
  }
}
