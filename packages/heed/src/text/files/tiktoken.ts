import { FormatError, UsageError } from '../../base/index.js'
import { characterOfByte } from '../byte-alphabet.js'
import type { TokenizerDefinition } from '../definition.js'
import { type BytePairDefinition, rankedMerges } from '../subword/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { largestFile, largestId, mostTokens } from './limits.js'
import { addedToken, byteLevel, splitAtPatterns } from './parts.js'

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
  const model: BytePairDefinition = {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: true,
    vocab,
    merges: rankedMerges(
      vocab,
      (place) => vocab.idAt(place),
      () => true,
      settings.operation,
    ),
  }
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
  const reader = new RankReader(bytes, file)
  const vocabulary = new Vocabulary(1024)
  while (reader.next()) {
    if (vocabulary.size === mostTokens) reader.refuse(`at most ${mostTokens} tokens`, 'more')
    if (!vocabulary.addBytes(reader.token, 0, reader.length, reader.rank))
      reader.refuse('tokens that are there once', 'one again')
  }
  if (vocabulary.highestId >= 4 * vocabulary.size + 65_536)
    reader.refuse('ranks without large gaps', String(vocabulary.highestId))
  for (let place = 0; place < vocabulary.size; place++)
    if (vocabulary.placeOfId(vocabulary.idAt(place)) !== place)
      reader.refuse('ranks that are there once', `${vocabulary.idAt(place)} again`)
  return vocabulary
}

/** GPT-2's character of each byte, in UTF-8: one or two bytes. */
const spelled: readonly Uint8Array[] = characterOfByte.map((character) => new TextEncoder().encode(character))

const sextetOf: Int8Array = new Int8Array(256).fill(-1)
for (let i = 0; i < 64; i++)
  sextetOf['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(i)] = i

/** Reads a file line by line. */
class RankReader {
  /** The token in the byte alphabet, in UTF-8. */
  token: Uint8Array = new Uint8Array(256)
  length = 0
  rank = 0
  readonly #bytes: Uint8Array
  readonly #file: string | undefined
  #at = 0
  #line = 0

  constructor(bytes: Uint8Array, file: string | undefined) {
    this.#bytes = bytes
    this.#file = file
    if (bytes.length > largestFile) this.refuse(`at most ${largestFile} bytes`, String(bytes.length))
  }

  next(): boolean {
    const bytes = this.#bytes
    for (;;) {
      if (this.#at >= bytes.length) return false
      this.#line++
      const start = this.#at
      let end = bytes.indexOf(0x0a, start)
      if (end < 0) end = bytes.length
      this.#at = end + 1
      if (end > start && bytes[end - 1] === 0x0d) end--
      if (end === start) continue
      this.#readLine(start, end)
      return true
    }
  }

  #readLine(start: number, end: number): void {
    const bytes = this.#bytes
    this.length = 0
    // Two bytes of UTF-8 for each of three bytes in four characters.
    if (this.token.length < 2 * (end - start)) this.token = new Uint8Array(2 * (end - start))
    let at = start
    let bits = 0
    let held = 0
    for (; at < end && bytes[at] !== 0x20; at++) {
      if (bytes[at] === 0x3d) continue
      const sextet = sextetOf[bytes[at]!]!
      if (sextet < 0 || (at > start && bytes[at - 1] === 0x3d))
        this.refuse('base64 and a rank', 'another character')
      held = ((held << 6) | sextet) & 0xfff
      bits += 6
      if (bits < 8) continue
      bits -= 8
      for (const byte of spelled[(held >> bits) & 255]!) this.token[this.length++] = byte
    }
    if (this.length === 0 || (at - start) % 4 !== 0) this.refuse('base64 and a rank', 'another line')
    const digits = at + 1
    this.rank = 0
    for (at++; at < end; at++) {
      const digit = bytes[at]! - 0x30
      if (!(digit >= 0 && digit <= 9)) this.refuse('base64 and a rank', 'another line')
      this.rank = 10 * this.rank + digit
      if (this.rank > largestId) this.refuse(`a rank up to ${largestId}`, 'more')
    }
    if (digits >= end) this.refuse('base64 and a rank', 'no rank')
  }

  refuse(expected: string, found: string): never {
    throw new FormatError({
      operation,
      expected,
      found: `${found} in line ${this.#line}`,
      hint: 'check that it is a file of tiktoken',
      file: this.#file,
    })
  }
}
