/** Texts as an encoder reads them: checked, cut to what the model takes, one behind the other. */
import { inWords, UsageError } from '../base/index.js'
import { joinedTexts, type JoinedTexts, type LoadedEncoder, type Running } from '../models/index.js'
import type { EncodeOptions, Encoding, Tokenizer } from '../text/index.js'

/** Two texts that are read together: a premise and a hypothesis. */
export interface TextPairInput {
  readonly text: string
  readonly text_pair: string
}

/** Throws UsageError for anything but a text. */
export function checkText(operation: string, name: string, text: unknown): asserts text is string {
  if (typeof text === 'string') return
  throw new UsageError({
    operation,
    expected: `${name} to be a text`,
    found: inWords(text),
    hint: 'give a string',
  })
}

/** Tokens that a text has at most, special ones included: the least of the model's and its tokenizer's. */
export function mostTokens({ config, stored }: Running<LoadedEncoder>): number {
  const said = stored.json('tokenizer_config.json')?.member('model_max_length').value
  return typeof said === 'number' && said >= 1 ? Math.min(config.context, Math.floor(said)) : config.context
}

/** A text, or a pair, as it is read. */
export interface ReadTexts {
  readonly tokens: Encoding
  /** UTF-16 units at the end of the text, or of both, that were cut. */
  readonly unread: number
}

/**
 * A text's tokens, or a pair's, cut to what the model takes.
 *
 * @param cut which text of a pair is cut: the longer one, or the first where that is enough. Default
 * 'LongestFirst'
 * @throws UsageError where there are none
 */
export function encoded(
  loaded: Running<LoadedEncoder>,
  operation: string,
  text: string,
  pair?: string,
  cut: 'LongestFirst' | 'OnlyFirst' = 'LongestFirst',
): ReadTexts {
  const most = mostTokens(loaded)
  const { tokenizer } = loaded
  const [first, second] = [text, pair].map((one) => one && beginning(tokenizer, one, most))
  const encode = (strategy: 'LongestFirst' | 'OnlyFirst' | null): Encoding =>
    tokenizer.encode(first!, {
      ...(second !== undefined && { pair: second }),
      truncation: strategy && { max_length: most, strategy, direction: 'Right', stride: 0 },
      padding: null,
    })
  const whole = encode(null)
  if (whole.length === 0)
    throw new UsageError({
      operation,
      expected: 'a text of at least one token',
      found: 'an empty one',
      hint: 'leave it out',
    })
  if (whole.length <= most) return { tokens: whole, unread: 0 }
  const own = whole.sequenceIds.reduce((count, sequence) => count + (sequence === 0 ? 1 : 0), 0)
  const tokens = encode(cut === 'OnlyFirst' && own <= whole.length - most ? 'LongestFirst' : cut)
  return { tokens, unread: unreadOf(tokens, text, 0) + unreadOf(tokens, pair ?? '', 1) }
}

/** How much of a text stands behind its last token, in UTF-16 units. */
export function unreadOf({ sequenceIds, spans }: Encoding, text: string, sequence: number): number {
  const last = sequenceIds.lastIndexOf(sequence)
  return Math.max(0, text.trimEnd().length - (last < 0 ? 0 : spans[2 * last + 1]!))
}

/** The part of a text that its first `most` tokens are in: of a very long one the beginning will do. */
function beginning(tokenizer: Tokenizer, text: string, most: number): string {
  const characters = 64 * most
  if (text.length <= characters) return text
  const begin = text.slice(0, characters)
  // Where it is cut, the last tokens may be others.
  const { length } = tokenizer.encode(begin, { truncation: null, padding: null, addSpecial: false })
  return length > most + 8 ? begin : text
}

/**
 * A text in windows of at most `most` tokens, of which each repeats the last `shared` of the one before. None
 * for a text without tokens.
 *
 * @throws UsageError where windows have no more than `shared` tokens
 */
export function windows(
  { tokenizer }: Running<LoadedEncoder>,
  text: string,
  most: number,
  shared: number,
  options: Pick<EncodeOptions, 'specials'> = {},
): readonly Encoding[] {
  const first = tokenizer.encode(text, {
    ...options,
    truncation: { max_length: most, strategy: 'OnlyFirst', direction: 'Right', stride: shared },
    padding: null,
  })
  return first.length === 0 ? [] : [first, ...first.overflow]
}

/** What a model takes of several texts: one behind the other, with the length of each. */
export function packed(texts: readonly Encoding[]): JoinedTexts {
  return joinedTexts(texts)
}
