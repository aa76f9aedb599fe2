import { readFileSync } from 'node:fs'
import { loadTokenizer } from '../index.js'
import type { Encoding, Tokenizer } from '../index.js'

/** What another implementation made of a text. Spans are [start, end) in UTF-16 code units. */
export interface TokenizerCase {
  readonly text: string
  readonly ids: number[]
  readonly tokens: string[]
  readonly spans: number[][]
  readonly decoded: string
  readonly decoded_without_special: string
}

export interface Fixture {
  readonly tokenizer: Record<string, unknown>
  readonly cases: readonly TokenizerCase[]
}

export function readFixture(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')) as Fixture
}

/** A text's encoding and decoded texts in the form of a case. */
export function caseOf(tokenizer: Tokenizer, text: string): TokenizerCase {
  const { ids, tokens, spans }: Encoding = tokenizer.encode(text, { specials: 'allow' })
  return {
    text,
    ids: [...ids],
    tokens: [...tokens],
    spans: pairsOf(spans),
    decoded: tokenizer.decode(ids),
    decoded_without_special: tokenizer.decode(ids, { skipSpecial: true }),
  }
}

export function pairsOf(spans: Int32Array): number[][] {
  return Array.from({ length: spans.length / 2 }, (_, i) => [spans[2 * i]!, spans[2 * i + 1]!])
}

/** A tokenizer of the 256 bytes and a few merges, changed as asked. */
export function tokenizerFile(
  changes: Record<string, unknown> = {},
  model: Record<string, unknown> = {},
): Record<string, unknown> {
  const { tokenizer } = readFixture('prefix-space')
  const plain = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true }
  return {
    ...tokenizer,
    pre_tokenizer: plain,
    post_processor: null,
    ...changes,
    model: { ...(tokenizer['model'] as object), ...model },
  }
}

export function tokenizerWith(
  changes: Record<string, unknown> = {},
  model: Record<string, unknown> = {},
): Tokenizer {
  return loadTokenizer(tokenizerFile(changes, model))
}
