/** Writing on: what programs call. */
import { pause, UsageError } from '../base/index.js'
import type { Tokenizer } from '../text/index.js'
import { searchBeams } from './beam.js'
import type { Writable } from './decoding.js'
import type { WriteOptions } from './options.js'
import { type Plan, planOf } from './plan.js'
import { decoderAfter } from './text-pieces.js'
import { type Piece, type TextEnd, type TokenLogProbability, writtenPieces } from './rows.js'

/** A text that was written on. */
export interface Written {
  /** Which prompt it goes on from. */
  readonly prompt: number
  /** What follows the prompt, with the stop id that ends it. */
  readonly ids: readonly number[]
  /** The text of the ids, without the stop id and up to a stop string; where a tokenizer was given. */
  readonly text: string
  readonly end: TextEnd
  /** Of each id, where they were wanted. */
  readonly logprobs?: readonly TokenLogProbability[]
  /** Of beam search: the sum of the log probabilities over (number of ids) ** lengthPenalty. */
  readonly score?: number
}

/**
 * Writes on from prompts with any model, and gives what was written: for each prompt in turn as many texts as
 * `perPrompt` says, of beam search the best first. Other work of the process runs between the model's steps.
 *
 * @param prompts the ids of each; of an encoder-decoder, the decoder's first: its start token
 * @throws UsageError for prompts or options that make no sense, and ShapeError for ids outside the vocabulary
 * @throws StateError where a text fills the context, with `contextEnd: 'error'`
 */
export async function write(
  writable: Writable,
  prompts: readonly ArrayLike<number>[],
  options: WriteOptions = {},
): Promise<Written[]> {
  const plan = planOf('write', writable, prompts, options)
  if (plan.beams > 1) return searched(writable, plan)
  const { perPrompt, logprobs: told } = plan
  const texts = plan.prompts.flatMap((_, prompt) =>
    Array.from({ length: perPrompt }, () => ({
      prompt,
      ids: [] as number[],
      text: '',
      end: 'tokens' as TextEnd,
      ...(told !== undefined && { logprobs: [] as TokenLogProbability[] }),
    })),
  )
  for await (const { row, ids, text, logprobs, end } of inTurn(writable, plan)) {
    const written = texts[row]!
    written.ids.push(...ids)
    written.text += text
    if (end !== undefined) written.end = end
    written.logprobs?.push(...(logprobs ?? []))
  }
  return texts
}

/**
 * The same piece by piece, as they are written: each step of the model gives one for each text. Who stops
 * asking ends it.
 *
 * @throws as `write` does, at the call where it is about prompts and options; UsageError for beams
 */
export function streamPieces(
  writable: Writable,
  prompts: readonly ArrayLike<number>[],
  options: WriteOptions = {},
): AsyncGenerator<Piece, void, void> {
  const plan = planOf('streamPieces', writable, prompts, options)
  if (plan.beams > 1)
    throw new UsageError({
      operation: 'streamPieces',
      expected: 'one beam',
      found: `${plan.beams} beams, of which none is known to stay before the end`,
      hint: 'use write',
    })
  return inTurn(writable, plan)
}

/**
 * The text that follows a text, in pieces of whole characters.
 *
 * @throws as `streamPieces` does
 */
export function streamText(
  writable: Writable,
  tokenizer: Tokenizer,
  prompt: string,
  options: Omit<WriteOptions, 'tokenizer' | 'perPrompt'> = {},
): AsyncGenerator<string, void, void> {
  const { ids } = tokenizer.encode(prompt)
  return textsOf(streamPieces(writable, [ids], { ...options, tokenizer }))
}

async function* textsOf(pieces: AsyncIterable<Piece>): AsyncGenerator<string, void, void> {
  for await (const { text } of pieces) if (text !== '') yield text
}

async function* inTurn(writable: Writable, plan: Plan): AsyncGenerator<Piece, void, void> {
  for (const pieces of writtenPieces(writable, plan)) {
    yield* pieces
    await pause()
  }
}

async function searched(writable: Writable, plan: Plan): Promise<Written[]> {
  const search = searchBeams(writable, plan)
  let step = search.next()
  while (step.done !== true) {
    await pause()
    step = search.next()
  }
  const { tokenizer, skipSpecial, stop, starts } = plan
  return step.value.map((found) => {
    const before = plan.prompts[found.prompt]!.slice(starts)
    const decoder = tokenizer && decoderAfter(tokenizer, before, skipSpecial)
    const shown = found.ids.filter((id) => !stop.has(id) && tokenizer?.token(id) !== undefined)
    const text = decoder === undefined ? '' : shown.map((id) => decoder.push(id)).join('') + decoder.end()
    return { ...found, text }
  })
}
