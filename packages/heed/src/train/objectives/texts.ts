/** Texts as the objectives' examples: cut to what the model takes, and put one behind the other. */
import { checkWhole, inWords, UsageError } from '../../base/index.js'
import { type LoadedEncoder, type LoadedModel, textSettings } from '../../models/index.js'
import { tensor, type Tensor } from '../../tensor/index.js'
import type { Encoding, Tokenizer } from '../../text/index.js'

/** How an objective makes tokens of texts. */
export interface TextOptions {
  /** Tokens of an example at most, special ones included. Default: as many as the model takes. */
  readonly maximum?: number | undefined
}

/** An example that is a text, or two, as tokens. */
export interface TokenExample {
  readonly ids: Int32Array
  readonly types: Int32Array
}

/** Encodes texts as an objective's model reads them. */
export interface TextEncoder {
  readonly tokenizer: Tokenizer
  /** Tokens of an example at most. */
  readonly maximum: number
  readonly lowercase: boolean
}

export function textEncoder(operation: string, loaded: LoadedModel, { maximum }: TextOptions): TextEncoder {
  if (maximum !== undefined) checkWhole(operation, 'maximum', maximum, 1)
  const settings = textSettings(loaded)
  return { ...settings, maximum: Math.min(settings.maximum, maximum ?? Infinity) }
}

/** A text's tokens, or a pair's, of which the longer text is cut. */
export function encodedText(
  operation: string,
  { tokenizer, maximum, lowercase }: TextEncoder,
  text: string,
  pair?: string,
): Encoding {
  const spelled = (one: string): string => (lowercase ? one.toLowerCase() : one)
  const encoding = tokenizer.encode(spelled(text), {
    ...(pair !== undefined && { pair: spelled(pair) }),
    truncation: { max_length: maximum, strategy: 'LongestFirst', direction: 'Right', stride: 0 },
    padding: null,
  })
  if (encoding.length > 0) return encoding
  throw wrongRecord(operation, 'a text of at least one token', 'an empty one')
}

/** Several examples as a model takes them: one behind the other, none filled up. */
export interface TokenRows {
  readonly ids: Tensor<'batch' | 'position'>
  readonly tokenTypes: Tensor<'batch' | 'position'>
  readonly rows: readonly number[]
}

export function tokenRows(examples: readonly TokenExample[]): TokenRows {
  return {
    ids: joinedNumbers(examples.map(({ ids }) => ids)),
    tokenTypes: joinedNumbers(examples.map(({ types }) => types)),
    rows: examples.map(({ ids }) => ids.length),
  }
}

/** Whole numbers of several examples one behind the other, as a batch of 1. */
export function joinedNumbers(parts: readonly Int32Array[]): Tensor<'batch' | 'position'> {
  const numbers = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    numbers.set(part, at)
    at += part.length
  }
  return tensor(numbers, { batch: 1, position: numbers.length }, { dtype: 'i32' })
}

/** The head of an encoder. Throws UsageError where it has none of this kind. */
export function headOfKind<K extends NonNullable<LoadedEncoder['config']['head']>['kind']>(
  operation: string,
  { config }: LoadedEncoder,
  kind: K,
  className: string,
): Extract<NonNullable<LoadedEncoder['config']['head']>, { readonly kind: K }> {
  const { head, architecture } = config
  if (head?.kind === kind) return head as Extract<typeof head, { readonly kind: K }>
  throw new UsageError({
    operation,
    expected: `an encoder with a head '${className}'`,
    found: head === undefined ? `'${architecture}' without a head` : `'${architecture}' for ${head.name}`,
    hint: `load it with loadModel(path, { head: { name: '${className}' } })`,
  })
}

/** Names of the labels that a model's configuration has: `id2label`, else `LABEL_0`, `LABEL_1`, … */
export function labelNames({ stored }: LoadedEncoder, count: number): string[] {
  const names = stored.config.member('id2label')
  return Array.from({ length: count }, (_, label) => {
    const name = names.isNull ? undefined : names.member(String(label)).value
    return typeof name === 'string' ? name : `LABEL_${label}`
  })
}

/** Throws UsageError unless a field of a record is a text. */
export function textField(operation: string, name: string, text: unknown): string {
  if (typeof text === 'string') return text
  throw wrongRecord(operation, `'${name}' to be a text`, inWords(text))
}

export function wrongRecord(operation: string, expected: string, found: string): UsageError {
  return new UsageError({ operation, expected, found, hint: 'correct the record, or leave it out' })
}
