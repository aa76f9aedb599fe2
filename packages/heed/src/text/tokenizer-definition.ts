import type { AddedToken } from './added-tokens.js'
import type { BytePairDefinition } from './byte-pair-model.js'
import type { ByteLevelDefinition, PreTokenizerDefinition } from './pre-tokenizer.js'

/** Unicode normalization before the text is split. */
export type NormalizerDefinition =
  | { readonly type: 'NFC' }
  | { readonly type: 'Sequence'; readonly normalizers: readonly NormalizerDefinition[] }

/** A part of a template: the text itself (A), a second text (B), or special tokens. */
export type TemplatePiece =
  | { readonly Sequence: { readonly id: 'A' | 'B'; readonly type_id: number } }
  | { readonly SpecialToken: { readonly id: string; readonly type_id: number } }

/** The tokens that a SpecialToken of a template stands for. */
export interface TemplateTokens {
  readonly id: string
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
}

/** Special tokens around one text, or two. */
export interface TemplateDefinition {
  readonly type: 'TemplateProcessing'
  readonly single: readonly TemplatePiece[]
  readonly pair: readonly TemplatePiece[]
  readonly special_tokens: ReadonlyMap<string, TemplateTokens>
}

/** What happens to the tokens of a text at the end. */
export type PostProcessorDefinition =
  | ByteLevelDefinition
  | TemplateDefinition
  | { readonly type: 'Sequence'; readonly processors: readonly PostProcessorDefinition[] }

/** A tokenizer.json of the kind that heed reads: byte-level BPE. Names in snake_case are the file's own. */
export interface TokenizerDefinition {
  readonly addedTokens: readonly AddedToken[]
  readonly normalizer: NormalizerDefinition | null
  readonly preTokenizer: PreTokenizerDefinition
  readonly postProcessor: PostProcessorDefinition | null
  readonly decoder: ByteLevelDefinition
  readonly model: BytePairDefinition
}
