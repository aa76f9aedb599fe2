/** How a task writes: the options that all tasks of writing have, by their names in transformers.js. */
import { checkFunction, checkWhole, inWords, UsageError } from '../base/index.js'
import type { TaskOptions } from './task.js'

/** Told each piece of a text as it is written, whole characters only. */
export type Streamer = (text: string, place: StreamedPlace) => void

/** Which text a piece is of. */
export interface StreamedPlace {
  /** The number of its input. */
  readonly input: number
  /** Which of the input's texts, where there are several. */
  readonly sequence: number
}

/**
 * How texts are written. What is left out is as the model's `generation_config.json` has it, and else the
 * likeliest token each time, 256 at most.
 */
export interface WritingOptions extends TaskOptions {
  /** How many tokens are written at most. */
  readonly max_new_tokens?: number | undefined
  /** How many ids a text has at most, its prompt included, where `max_new_tokens` isn't given. */
  readonly max_length?: number | undefined
  readonly min_new_tokens?: number | undefined
  readonly min_length?: number | undefined
  /** Draws tokens instead of taking the likeliest. */
  readonly do_sample?: boolean | undefined
  readonly temperature?: number | undefined
  readonly top_k?: number | undefined
  readonly top_p?: number | undefined
  readonly min_p?: number | undefined
  readonly typical_p?: number | undefined
  readonly repetition_penalty?: number | undefined
  readonly no_repeat_ngram_size?: number | undefined
  /** Above 1: beam search. */
  readonly num_beams?: number | undefined
  readonly length_penalty?: number | undefined
  readonly early_stopping?: boolean | 'never' | undefined
  /** How many texts are written for each input. Default 1. */
  readonly num_return_sequences?: number | undefined
  /** Strings that end a text, which ends before them. */
  readonly stop_strings?: string | readonly string[] | undefined
  /** Ids that end a text. */
  readonly eos_token_id?: number | readonly number[] | undefined
  readonly bad_words_ids?: readonly (readonly number[])[] | undefined
  readonly suppress_tokens?: readonly number[] | undefined
  readonly forced_bos_token_id?: number | undefined
  readonly forced_eos_token_id?: number | readonly number[] | undefined
  /** Input i draws from the random stream of seed + i × num_return_sequences. Default 0. */
  readonly seed?: number | undefined
  /** Told each piece of text as it comes. Beams give none before their end. */
  readonly streamer?: Streamer | undefined
}

/** The options that `generation_config.json` has, too. */
const fieldNames = [
  'max_new_tokens',
  'max_length',
  'min_new_tokens',
  'min_length',
  'do_sample',
  'temperature',
  'top_k',
  'top_p',
  'min_p',
  'typical_p',
  'repetition_penalty',
  'no_repeat_ngram_size',
  'num_beams',
  'length_penalty',
  'early_stopping',
  'num_return_sequences',
  'stop_strings',
  'eos_token_id',
  'bad_words_ids',
  'suppress_tokens',
  'forced_bos_token_id',
  'forced_eos_token_id',
] as const satisfies readonly (keyof WritingOptions)[]

/** What `write` calls the options whose names it changes. */
const fieldsOfWriting: Readonly<Record<string, (typeof fieldNames)[number]>> = {
  maxLength: 'max_length',
  minTokens: 'min_new_tokens',
  minLength: 'min_length',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  typicalP: 'typical_p',
  repetitionPenalty: 'repetition_penalty',
  noRepeatNgram: 'no_repeat_ngram_size',
  beams: 'num_beams',
  lengthPenalty: 'length_penalty',
  earlyStopping: 'early_stopping',
  perPrompt: 'num_return_sequences',
  stopStrings: 'stop_strings',
  forbidden: 'bad_words_ids',
  suppressed: 'suppress_tokens',
  forcedBegin: 'forced_bos_token_id',
  forcedEnd: 'forced_eos_token_id',
}

/** A phrase of an error of `write` with the names that a task's options have. */
export function inFieldNames(phrase: string): string {
  return phrase.replace(
    /\b[a-z]\w+\b/gi,
    (word) => (Object.hasOwn(fieldsOfWriting, word) && fieldsOfWriting[word]) || word,
  )
}

/** The names of `WritingOptions` beside those of `TaskOptions`. */
export const writingOptionNames: readonly (keyof WritingOptions)[] = [...fieldNames, 'seed', 'streamer']

/** The options that are fields of a generation configuration. */
export function writingFields(options: WritingOptions): Readonly<Record<string, unknown>> {
  const given = Object.fromEntries(
    fieldNames.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  )
  // A limit of the call is in the place of any other.
  return 'max_length' in given && !('max_new_tokens' in given) ? { ...given, max_new_tokens: null } : given
}

/** @throws UsageError for a seed or a streamer that is none */
export function checkWriting(task: string, { seed = 0, streamer }: WritingOptions): void {
  checkWhole(task, 'seed', seed)
  if (streamer === undefined) return
  if (typeof streamer === 'object')
    throw new UsageError({
      operation: task,
      expected: 'streamer, a function of the text that comes',
      found: inWords(streamer),
      hint: 'write { streamer: (text) => process.stdout.write(text) }',
    })
  checkFunction(task, 'streamer', streamer)
}
