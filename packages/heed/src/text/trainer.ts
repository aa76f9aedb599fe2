import { checkNames, checkTexts, UsageError } from '../base/index.js'
import { bytesOfToken, characterOfByte, detached, readsAsBytes, WordBytes } from './byte-alphabet.js'
import { learnMerges } from './merge-learner.js'
import type { CountedWords } from './merge-learner.js'
import { createTokenizer } from './pipeline.js'
import { createPreTokenizer } from './split/index.js'
import { type Splitter, wholePiece } from './steps/pieces.js'
import { Vocabulary } from './steps/vocabulary.js'
import { MergeTable } from './subword/index.js'
import type { Tokenizer } from './tokenizer.js'

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
 * Trains a byte-level BPE tokenizer (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with
 * Subword Units", algorithm 1). It merges the most frequent pair of neighbours within words; of equally
 * frequent pairs, that of the lower ids. It ends when the vocabulary is full or no pair is frequent enough.
 * Memory grows with the number of different words, not with the texts.
 *
 * @throws UsageError for options that make no sense
 */
export function trainByteLevel(texts: Iterable<string>, options: TrainOptions): Tokenizer {
  const known: Record<keyof TrainOptions, true> = {
    vocabularySize: true,
    minimumFrequency: true,
    special: true,
    useRegex: true,
    addPrefixSpace: true,
    trimSpans: true,
    onProgress: true,
  }
  checkNames('trainByteLevel', options, Object.keys(known))
  checkTexts('trainByteLevel', texts)
  const { vocabularySize, minimumFrequency = 2, special = [], onProgress } = options
  const { useRegex = true, addPrefixSpace = false, trimSpans = false } = options
  const contents = [...new Set(special)]
  const alphabet = [...characterOfByte].sort().filter((character) => !contents.includes(character))
  checkOptions(vocabularySize, minimumFrequency, contents, contents.length + alphabet.length)
  const plain = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } as const
  const preTokenizer = { ...plain, add_prefix_space: addPrefixSpace, use_regex: useRegex }
  const counts = countWords(texts, createPreTokenizer(preTokenizer))
  const vocabulary = new Map([...contents, ...alphabet].map((token, id) => [token, id]))
  const idOfByte = characterOfByte.map((character) => vocabulary.get(character)!)
  const merges = learnMerges(wordsAsIds(counts, idOfByte), vocabulary, {
    vocabularySize,
    minimumFrequency,
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const vocab = Vocabulary.of(vocabulary)
  const table = new MergeTable(merges.length)
  merges.forEach(([left, right], rank) =>
    table.set(vocab.id(left)!, vocab.id(right)!, rank, vocab.id(left + right)!),
  )
  return createTokenizer({
    truncation: null,
    padding: null,
    addedTokens: contents.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    preTokenizer,
    postProcessor: { ...plain, trim_offsets: trimSpans },
    decoder: plain,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: table,
    },
  })
}

function checkOptions(size: number, frequency: number, special: readonly string[], least: number): void {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation: 'trainByteLevel', expected, found, hint })
  }
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

/** How often each word occurs. */
function countWords(texts: Iterable<string>, split: Splitter): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (word: string): void => {
    const count = counts.get(word)
    if (count === undefined) counts.set(detached(word), 1)
    else counts.set(word, count + 1)
  }
  for (const text of texts) {
    if (typeof text !== 'string') {
      throw new UsageError({
        operation: 'trainByteLevel',
        expected: 'texts that are strings',
        found: `a value of type ${typeof text}`,
        hint: 'decode bytes to text first',
      })
    }
    const { text: written, bounds } = split(wholePiece({ text, offset: 0 }))
    for (let i = 0; i < bounds.length; i += 2) add(written.slice(bounds[i]!, bounds[i + 1]!))
  }
  return counts
}

function wordsAsIds(words: ReadonlyMap<string, number>, idOfByte: readonly number[]): CountedWords {
  const starts = new Int32Array(words.size + 1)
  const counts = new Float64Array(words.size)
  const bytes = new WordBytes()
  let symbols = new Int32Array(1024)
  let length = 0
  let index = 0
  for (const [word, count] of words) {
    bytes.read(word)
    if (length + bytes.length > symbols.length) {
      const grown = new Int32Array(2 * (length + bytes.length))
      grown.set(symbols)
      symbols = grown
    }
    for (let i = 0; i < bytes.length; i++) symbols[length++] = idOfByte[bytes.bytes[i]!]!
    counts[index++] = count
    starts[index] = length
  }
  return { symbols, starts, counts }
}
