import { addedToken } from '../added-tokens.js'
import { checkNames, checkTexts, inWords, UsageError } from '../../base/index.js'
import { bytesOfToken, characterOfByte, readsAsBytes } from '../byte-alphabet.js'
import type { TokenizerDefinition } from '../definition.js'
import { createPreTokenizer } from '../split/index.js'
import type { ModelDefinition } from '../subword/index.js'
import { learnModel } from './learn-model.js'
import { TextWords } from './text-words.js'
import { runSteps } from './training-steps.js'

/** How large a byte-level vocabulary becomes, and how texts are split before pairs are merged. */
export interface TrainOptions {
  /** How many tokens to have in all: special ones, the 256 bytes, and one for each merge. */
  readonly vocabularySize: number
  /** A pair must be this frequent to merge. Default 2. */
  readonly minimumFrequency?: number
  /** Special tokens, ids from 0 on. Default none. */
  readonly special?: readonly string[]
  /** Split texts into words as GPT-2 does, so that no token crosses words. Default true. */
  readonly useRegex?: boolean
  /** Put a space before a text that has none. Default false. */
  readonly addPrefixSpace?: boolean
  /** Leave the white space at a token's ends out of its span. Default false. */
  readonly trimSpans?: boolean
  /** Called after each merge. */
  readonly onProgress?: (tokens: number, vocabularySize: number) => void
}

/**
 * Learns a byte-level BPE tokenizer from texts at once: what `trainByteLevel` makes a tokenizer of.
 *
 * @throws UsageError for options that make no sense
 */
export function learnByteLevel(
  texts: Iterable<string>,
  options: TrainOptions,
): TokenizerDefinition<ModelDefinition> {
  const known: Record<keyof TrainOptions, true> = {
    vocabularySize: true,
    minimumFrequency: true,
    special: true,
    useRegex: true,
    addPrefixSpace: true,
    trimSpans: true,
    onProgress: true,
  }
  checkNames(operation, options, Object.keys(known))
  checkTexts(operation, texts)
  const { vocabularySize, minimumFrequency = 2, onProgress } = options
  const { useRegex = true, addPrefixSpace = false, trimSpans = false } = options
  const special = [...new Set(options.special)]
  const letters = characterOfByte.filter((character) => !special.includes(character))
  checkOptions(vocabularySize, minimumFrequency, special, special.length + letters.length)
  const plain = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } as const
  const preTokenizer = { ...plain, add_prefix_space: addPrefixSpace, use_regex: useRegex }
  const words = new TextWords((text) => text, createPreTokenizer(preTokenizer))
  for (const text of texts) {
    if (typeof text !== 'string') {
      refuse('texts that are strings', inWords(text), 'decode bytes to text first')
    }
    words.add(text)
  }
  const model = runSteps(
    learnModel(words.take(), {
      options: { model: 'BPE', vocabularySize, minimumFrequency },
      special,
      unknown: null,
      initial: characterOfByte,
    }),
    ({ phase, done }) => {
      if (phase === 'merges') onProgress?.(done, vocabularySize)
    },
  )
  return {
    truncation: null,
    padding: null,
    addedTokens: special.map((content, id) => addedToken(id, content)),
    normalizer: null,
    preTokenizer,
    postProcessor: { ...plain, trim_offsets: trimSpans },
    decoder: plain,
    model,
  }
}

const operation = 'trainByteLevel'

function refuse(expected: string, found: string, hint: string): never {
  throw new UsageError({ operation, expected, found, hint })
}

function checkOptions(size: number, frequency: number, special: readonly string[], least: number): void {
  if (!Number.isSafeInteger(size) || size < least || size > 2 ** 24) {
    refuse(
      `vocabularySize from ${least} to ${2 ** 24}`,
      String(size),
      'the 256 bytes and the special tokens come first',
    )
  }
  if (!Number.isSafeInteger(frequency) || frequency < 0) {
    refuse('minimumFrequency, a whole number from 0 on', String(frequency), 'take 2, or more for large texts')
  }
  for (const content of special) {
    if (typeof content !== 'string' || content === '' || /[\ud800-\udfff]/u.test(content)) {
      refuse('special tokens of whole characters', `'${content}'`, 'name them like <|endoftext|>')
    }
    if (readsAsBytes(content)) {
      refuse(
        'special tokens that no bytes of a text are spelled like',
        `'${content}', which is ${JSON.stringify(new TextDecoder().decode(bytesOfToken(content)))} in the byte alphabet`,
        'name them like <|endoftext|>',
      )
    }
  }
}
