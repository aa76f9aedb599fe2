import { AddedTokenMatcher } from '../../added-tokens.js'
import { createDecoder, type DecoderDefinition } from '../../decode/index.js'
import type { TokenizerDefinition } from '../../definition.js'
import { createNormalizer, type NormalizerDefinition } from '../../normalize/index.js'
import { createPreTokenizer, type PreTokenizerDefinition } from '../../split/index.js'
import { wholePiece } from '../../steps/pieces.js'
import { TokenList } from '../../steps/token-list.js'
import { createModel, type ModelDefinition } from '../../subword/index.js'

/**
 * What a definition makes of a text, step by step, with added tokens that are looked for in the text as it
 * is.
 */
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
  const { addedTokens, postProcessor } = definition
  const normalize = createNormalizer(definition.normalizer as NormalizerDefinition | null)
  const split = createPreTokenizer(definition.preTokenizer as PreTokenizerDefinition | null)
  const model = createModel(definition.model as ModelDefinition)
  const decodeTokens = createDecoder(definition.decoder as DecoderDefinition | null)
  const matcher = new AddedTokenMatcher(addedTokens.map((token) => [token.content, token]))
  model.bar(new Set(addedTokens.filter(({ special }) => special).map(({ id }) => id)))
  const added = new Map(addedTokens.map(({ id, content }) => [id, content]))
  const tokenOf = (id: number): string => added.get(id) ?? model.vocabulary.token(id)!
  const ids = (text: string, allowsSpecial = false): number[] => {
    const list = new TokenList()
    matcher.split(text, allowsSpecial, (start, end, token) => {
      if (token !== undefined) return list.push(token.id, start, end, 0)
      const section = wholePiece(normalize({ text: text.slice(start, end), offset: 0 }))
      model.encode(split(section), 0, list, allowsSpecial)
    })
    return [...list.ids.subarray(0, list.length)]
  }
  return {
    ids,
    tokens: (text, allowsSpecial) => ids(text, allowsSpecial).map(tokenOf),
    withSpecial: (text) => {
      const own = ids(text, true)
      if (postProcessor?.type !== 'TemplateProcessing') return own
      return postProcessor.single.flatMap((piece) =>
        'Sequence' in piece ? own : [...postProcessor.special_tokens.get(piece.SpecialToken.id)!.ids],
      )
    },
    decode: (own) => decodeTokens(own.map(tokenOf)),
  }
}
