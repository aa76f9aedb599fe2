import { FormatError, UsageError } from '../../base/index.js'
import { addedToken } from '../added-tokens.js'
import { characterOfByte } from '../byte-alphabet.js'
import type { TokenizerDefinition } from '../definition.js'
import { bytePairDefinition, rankedMerges } from '../subword/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { largestId, mostTokens } from './limits.js'
import { byteLevel, splitAtPatterns } from './parts.js'

import { SpelledBytes } from './spelled-base64.js'
import { eachLine } from './text-lines.js'
import { tiktokenEncodings } from './tiktoken-encodings.js'

/** What a file of tiktoken lacks: say it, or name one of tiktoken's own encodings. */
export interface TiktokenOptions {
  /** `cl100k_base`, `o200k_base`, `o200k_harmony`, `p50k_base`, `p50k_edit`, `r50k_base` or `gpt2`. */
  readonly encoding?: string
  /**
   * What cuts a text into words, in Oniguruma's dialect: there `$` is the end of a line, and `\z` that of the
   * text. Default: the encoding's.
   */
  readonly pattern?: string
  /** Special token → id. Default: the encoding's, or none. */
  readonly specials?: ReadonlyMap<string, number> | Readonly<Record<string, number>>
  /** The file's path, for errors. */
  readonly file?: string
}

const operation = 'readTiktoken'

/**
 * Reads a file of tiktoken: a line for each token, its bytes in base64 and its rank, which is its id. Merges
 * are those that give tiktoken's tokens.
 *
 * @throws FormatError for anything else, and where a token or rank is there twice
 * @throws UsageError without an encoding that heed knows, or a pattern
 */
export function readTiktoken(bytes: Uint8Array, options: TiktokenOptions): TokenizerDefinition {
  const { encoding, file } = options
  const known = encoding === undefined ? undefined : tiktokenEncodings.get(encoding)
  const pattern = options.pattern ?? known?.pattern
  if (pattern === undefined)
    throw new UsageError({
      operation,
      expected: `an encoding (${[...tiktokenEncodings.keys()].join(', ')}), or a pattern`,
      found: encoding === undefined ? 'neither' : `'${encoding.slice(0, 60)}'`,
      hint: 'the file has ranks alone: say how texts are cut into words',
    })
  const { specials = known?.specials ?? new Map<string, number>() } = options
  return rankedDefinition(readRanks(bytes, file), {
    pattern,
    specials: specials instanceof Map ? specials : Object.entries(specials as Record<string, number>),
    operation,
    file,
  })
}

/** A tokenizer of tokens that are bytes with ranks. */
export function rankedDefinition(
  vocab: Vocabulary,
  settings: {
    readonly pattern: string
    readonly specials: Iterable<readonly [string, number]>
    readonly operation: string
    readonly file: string | undefined
  },
): TokenizerDefinition {
  const addedTokens = [...settings.specials]
    .map(([content, id]) => addedToken(id, content))
    .sort((a, b) => a.id - b.id)
  const refuse = (expected: string, found: string): never => {
    const hint = 'check that ranks and special tokens belong together'
    throw new FormatError({ operation: settings.operation, expected, found, hint, file: settings.file })
  }
  let last = -1
  for (const { id, content } of addedTokens) {
    if (!Number.isInteger(id) || id < 0 || id > largestId || id === last || vocab.placeOfId(id) >= 0)
      refuse('special tokens with ids of their own', `${id} for '${content.slice(0, 60)}'`)
    last = id
  }
  for (const letter of characterOfByte)
    if (!vocab.has(letter)) refuse('a token for each byte', `none for '${letter}' of the byte alphabet`)
  const rankOf = (place: number): number => vocab.idAt(place)
  const merges = rankedMerges(vocab, rankOf, () => true, settings.operation)
  const model = bytePairDefinition(vocab, merges, { ignore_merges: true })
  return {
    truncation: null,
    padding: null,
    addedTokens,
    normalizer: null,
    preTokenizer: splitAtPatterns([settings.pattern], true),
    postProcessor: byteLevel(true, false, true),
    decoder: byteLevel(true, true, true),
    model,
  }
}

function readRanks(bytes: Uint8Array, file: string | undefined): Vocabulary {
  const vocabulary = new Vocabulary(1024)
  const token = new SpelledBytes()
  let line = 0
  const refuse = (expected: string, found: string): never => {
    const hint = 'check that it is a file of tiktoken'
    throw new FormatError({ operation, expected, found: `${found} in line ${line}`, hint, file })
  }
  eachLine(bytes, mostTokens, { operation, file }, (start, end, index) => {
    line = index + 1
    if (start === end) return
    const space = bytes.indexOf(0x20, start)
    if (space < 0 || space >= end - 1 || !token.read(bytes, start, space))
      refuse('base64 and a rank', 'another line')
    let rank = 0
    for (let at = space + 1; at < end; at++) {
      const digit = bytes[at]! - 0x30
      if (!(digit >= 0 && digit <= 9)) refuse('base64 and a rank', 'another line')
      rank = 10 * rank + digit
      if (rank > largestId) refuse(`a rank up to ${largestId}`, 'more')
    }
    if (!vocabulary.addBytes(token.bytes, 0, token.length, rank))
      refuse('tokens that are there once', 'one again')
  })
  if (vocabulary.highestId >= 4 * vocabulary.size + 65_536)
    refuse('ranks without large gaps', String(vocabulary.highestId))
  for (let place = 0; place < vocabulary.size; place++)
    if (vocabulary.placeOfId(vocabulary.idAt(place)) !== place)
      refuse('ranks that are there once', `${vocabulary.idAt(place)} again`)
  return vocabulary
}
