import type { Encoding } from '../../text/index.js'
import { tensor, type Tensor } from '../../tensor/index.js'
import type { TextSettings } from './settings.js'

/** A text, or two that are read together. */
export type TextOrPair = string | readonly [text: string, pair: string]

/** A text's tokens, as many as the model takes: of a pair the longer text is cut. */
export function tokensOf({ tokenizer, maximum, lowercase }: TextSettings, input: TextOrPair): Encoding {
  const [text, pair] = (typeof input === 'string' ? [input] : input).map((one) =>
    lowercase ? one.toLowerCase() : one,
  )
  return tokenizer.encode(text!, {
    ...(pair !== undefined && { pair }),
    truncation: { max_length: maximum, strategy: 'LongestFirst', direction: 'Right', stride: 0 },
    padding: null,
  })
}

/** How many tokens a prompt has in front of a text: not those that end it. */
export function promptLength(settings: TextSettings, prompt: string): number {
  if (prompt === '') return 0
  const { specialTokensMask, length } = tokensOf(settings, prompt)
  return length > 0 && specialTokensMask[length - 1] === 1 ? length - 1 : length
}

/** What a model takes of several texts one after the other. */
export interface JoinedTexts {
  readonly ids: Tensor<'batch' | 'position'>
  readonly tokenTypes: Tensor<'batch' | 'position'>
  readonly rows: readonly number[]
}

export function joinedTexts(texts: readonly Encoding[]): JoinedTexts {
  const rows = texts.map(({ length }) => length)
  const total = rows.reduce((sum, length) => sum + length, 0)
  const join = (of: (text: Encoding) => Int32Array): Tensor<'batch' | 'position'> => {
    const numbers = new Int32Array(total)
    let end = 0
    for (const text of texts) {
      numbers.set(of(text), end)
      end += text.length
    }
    return tensor(numbers, { batch: 1, position: total }, { dtype: 'i32' })
  }
  return { ids: join(({ ids }) => ids), tokenTypes: join(({ typeIds }) => typeIds), rows }
}

/** What a model takes of a text. */
export type TextTokens = Pick<Encoding, 'ids' | 'typeIds' | 'length'>

/** Texts of a batch, filled up to the longest of them. */
export interface FilledTexts {
  readonly ids: Tensor<'batch' | 'position'>
  readonly tokenTypes: Tensor<'batch' | 'position'>
  /** 0 where a row is filled up; undefined where none is. */
  readonly real: Tensor<'batch' | 'position'> | undefined
  readonly lengths: readonly number[]
}

export function filledTexts(texts: readonly TextTokens[]): FilledTexts {
  const lengths = texts.map(({ length }) => length)
  const position = lengths.reduce((most, length) => Math.max(most, length), 0)
  const fill = (of: (text: TextTokens) => Int32Array): Tensor<'batch' | 'position'> => {
    const numbers = new Int32Array(texts.length * position)
    texts.forEach((text, i) => numbers.set(of(text), i * position))
    return tensor(numbers, { batch: texts.length, position }, { dtype: 'i32' })
  }
  return {
    ids: fill(({ ids }) => ids),
    tokenTypes: fill(({ typeIds }) => typeIds),
    real: lengths.every((length) => length === position)
      ? undefined
      : fill(({ length }) => new Int32Array(length).fill(1)),
    lengths,
  }
}
