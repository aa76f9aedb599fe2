/** Texts as an encoder reads them: checked, cut to what the model takes, one behind the other. */
import { inWords, UsageError } from '../base/index.js'
import { joinedTexts, type JoinedTexts, type LoadedEncoder, type Running } from '../models/index.js'
import type { Encoding } from '../text/index.js'

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

/** A text's tokens, or a pair's, of which the longer text is cut to what the model takes. */
export function encoded(
  loaded: Running<LoadedEncoder>,
  operation: string,
  text: string,
  pair?: string,
): Encoding {
  const encoding = loaded.tokenizer.encode(text, {
    ...(pair !== undefined && { pair }),
    truncation: {
      max_length: mostTokens(loaded),
      strategy: 'LongestFirst',
      direction: 'Right',
      stride: 0,
    },
    padding: null,
  })
  if (encoding.length > 0) return encoding
  throw new UsageError({
    operation,
    expected: 'a text of at least one token',
    found: 'an empty one',
    hint: 'leave it out',
  })
}

/** What a model takes of several texts: one behind the other, with the length of each. */
export function packed(texts: readonly Encoding[]): JoinedTexts {
  return joinedTexts(texts)
}
