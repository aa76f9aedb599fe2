import { createNormalizer, type NormalizerDefinition } from '../../normalize/index.js'
import { createPreTokenizer, type PreTokenizerDefinition } from '../../split/index.js'
import { wholePiece } from '../../steps/pieces.js'
import { TokenList } from '../../steps/token-list.js'
import { createModel, type ModelDefinition } from '../../subword/index.js'
import type { TokenizerDefinition } from '../../definition.js'

/** What a definition makes of a text without added tokens: ids alone. */
export function encoderOf(definition: TokenizerDefinition): (text: string) => number[] {
  const normalize = createNormalizer(definition.normalizer as NormalizerDefinition | null)
  const split = createPreTokenizer(definition.preTokenizer as PreTokenizerDefinition | null)
  const model = createModel(definition.model as ModelDefinition)
  model.bar(new Set(definition.addedTokens.filter(({ special }) => special).map(({ id }) => id)))
  return (text) => {
    const list = new TokenList()
    model.encode(split(wholePiece(normalize({ text, offset: 0 }))), 0, list, false)
    return [...list.ids.subarray(0, list.length)]
  }
}
