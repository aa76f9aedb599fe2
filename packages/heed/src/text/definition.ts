import type { AddedToken } from './added-tokens.js'
import type { DecoderDefinition } from './decode/index.js'
import type { PaddingDefinition, PostProcessorDefinition, TruncationDefinition } from './finish/index.js'
import type { NormalizerDefinition } from './normalize/index.js'
import type { PreTokenizerDefinition } from './split/index.js'
import type { ModelDefinition } from './subword/index.js'

/**
 * What a tokenizer does, step by step, as tokenizer.json has it. Names in snake_case are the file's own; what
 * older files leave out or spell otherwise is filled in.
 */
export interface TokenizerDefinition<Model extends ModelDefinition = ModelDefinition> {
  /** Cuts every encoding to a length; null: doesn't. */
  readonly truncation: TruncationDefinition | null
  /** Fills every encoding up to a length; null: doesn't. */
  readonly padding: PaddingDefinition | null
  /** By id. */
  readonly addedTokens: readonly AddedToken[]
  readonly normalizer: NormalizerDefinition | null
  readonly preTokenizer: PreTokenizerDefinition | null
  readonly postProcessor: PostProcessorDefinition | null
  readonly decoder: DecoderDefinition | null
  readonly model: Model
}
