import type { TokenizerDefinition } from '../../definition.js'
import { createTokenizer } from '../../pipeline.js'

/** What a definition makes of a text, as plain lists. */
export interface PlainTokenizer {
  /** Ids without what a template adds. */
  readonly ids: (text: string, allowsSpecial?: boolean) => number[]
  /** The same as tokens. */
  readonly tokens: (text: string, allowsSpecial?: boolean) => string[]
  /** Ids with special tokens, in the text and around it. */
  readonly withSpecial: (text: string) => number[]
  readonly decode: (ids: readonly number[]) => string
}

export function plainTokenizer(definition: TokenizerDefinition): PlainTokenizer {
  const tokenizer = createTokenizer(definition)
  const ids = (text: string, allowsSpecial = false): number[] => [
    ...tokenizer.encode(text, { addSpecial: false, specials: allowsSpecial ? 'allow' : 'text' }).ids,
  ]
  return {
    ids,
    tokens: (text, allowsSpecial) => ids(text, allowsSpecial).map((id) => tokenizer.token(id)!),
    withSpecial: (text) => [...tokenizer.encode(text, { specials: 'allow' }).ids],
    decode: (own) => tokenizer.decode(own),
  }
}
