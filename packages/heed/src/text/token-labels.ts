import { UsageError } from '../base/index.js'
import { createTokenLabel } from './decode/index.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * The texts of tokens one by one, as pictures label them: what marks that a token goes on with a word is left
 * out, what stands for a space is a space. A token's bytes may be no whole character. Each such byte stands
 * as a lone surrogate, U+DC80 to U+DCFF, so that nothing is lost. Pictures of `@heed/studio` show it as `E6`.
 * An added token is named by what it is.
 *
 * @throws UsageError for an id without a token
 */
export function tokenLabels(tokenizer: Tokenizer, ids: ArrayLike<number>): string[] {
  const { addedTokens, decoder, model } = tokenizer.definition
  const added = new Map(addedTokens.map(({ id, content }) => [id, content]))
  const label = createTokenLabel(decoder)
  return Array.from(ids, (id) => {
    const known = added.get(id)
    if (known !== undefined) return known
    const token = tokenizer.token(id)
    // In GGUF files a mark begins the words of WordPiece, which is no space of the text.
    if (token !== undefined)
      return model.type === 'WordPiece' ? label(token).replace(/^ (?=.)/, '') : label(token)
    throw new UsageError({
      operation: 'tokenLabels',
      expected: `token ids from 0 to ${tokenizer.size - 1}`,
      found: String(id),
      hint: 'label with the tokenizer that the ids come from',
    })
  })
}
