/** Texts as the objectives' examples: cut to what the model takes, and put one behind the other. */
import { checkWhole, inWords, UsageError } from '../../base/index.js'
import { type LoadedEncoder, type Running, textSettings } from '../../models/index.js'
import type { Sequence } from '../../nn/index.js'
import { type AnyTensor, gather, tensor, type Tensor } from '../../tensor/index.js'
import type { Encoding, Tokenizer, TruncationDefinition } from '../../text/index.js'

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

export function textEncoder(operation: string, loaded: Running, { maximum }: TextOptions): TextEncoder {
  if (maximum !== undefined) checkWhole(operation, 'maximum', maximum, 1)
  const settings = textSettings(loaded)
  return { ...settings, maximum: Math.min(settings.maximum, maximum ?? Infinity) }
}

/** A text's tokens, or a pair's, of which the longer text is cut. */
export function encodedText(operation: string, encoder: TextEncoder, text: string, pair?: string): Encoding {
  return checkTokens(operation, encodedCut(encoder, text, { pair, strategy: 'LongestFirst', stride: 0 }))
}

/** How `encodedCut` cuts what is too long. */
export interface Cut {
  readonly pair?: string | undefined
  readonly strategy: TruncationDefinition['strategy']
  /** Tokens that a window of `overflow` repeats of the one before. */
  readonly stride: number
  /** Default the encoder's. */
  readonly maximum?: number
}

/** Tokens of a text, words or a pair; what is cut off is in its `overflow`. */
export function encodedCut(
  { tokenizer, maximum: most, lowercase }: TextEncoder,
  text: string | readonly string[],
  { pair, strategy, stride, maximum = most }: Cut,
): Encoding {
  const spelled = (one: string): string => (lowercase ? lowered(one) : one)
  return tokenizer.encode(typeof text === 'string' ? spelled(text) : text.map(spelled), {
    ...(pair !== undefined && { pair: spelled(pair) }),
    truncation: Number.isFinite(maximum)
      ? { max_length: maximum, strategy, direction: 'Right', stride }
      : null,
    padding: null,
  })
}

/** A text in small letters, each as long as before, so that places stay. */
function lowered(text: string): string {
  const small = text.toLowerCase()
  if (small.length === text.length) return small
  return text.replace(/./gsu, (letter) => {
    const one = letter.toLowerCase()
    return one.length === letter.length ? one : letter
  })
}

export function checkTokens(operation: string, encoding: Encoding): Encoding {
  if (encoding.length > 0) return encoding
  throw wrongRecord(operation, 'a text of at least one token', 'an empty one')
}

/** The ids that end a text, by the model's configuration: `eos_token_id`. */
export function endIds({ stored }: Running): number[] {
  const { value } = stored.config.member('eos_token_id')
  const all = Array.isArray(value)
    ? (value as readonly { readonly value: unknown }[]).map((one) => one.value)
    : [value]
  return all.filter((id): id is number => Number.isSafeInteger(id))
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

/**
 * States of some positions alone, as a batch of 1: what is computed of each position needs only those.
 *
 * @param states of a batch of 1
 */
export function statesAt(states: Sequence, positions: readonly number[]): Sequence {
  const ids = tensor(Int32Array.from(positions), { chosen: positions.length }, { dtype: 'i32' })
  return gather(states, ids, 'position').rename({ chosen: 'position' }) as AnyTensor as Sequence
}

/** The head of an encoder. Throws UsageError where it has none of this kind. */
export function headOfKind<K extends NonNullable<LoadedEncoder['config']['head']>['kind']>(
  operation: string,
  { config }: Running<LoadedEncoder>,
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

/** Throws UsageError unless a field of a record is a text. */
export function textField(operation: string, name: string, text: unknown): string {
  if (typeof text === 'string') return text
  throw wrongRecord(operation, `'${name}' to be a text`, inWords(text))
}

export function wrongRecord(operation: string, expected: string, found: string): UsageError {
  return new UsageError({ operation, expected, found, hint: 'correct the record, or leave it out' })
}
