export type { AddedToken } from './added-tokens.js'
export type { BytePairDefinition } from './byte-pair-model.js'
export { PatternError } from './pattern-syntax.js'
export type {
  ByteLevelDefinition,
  DigitsDefinition,
  PreTokenizerDefinition,
  PreTokenizerSequence,
  SplitBehavior,
  SplitDefinition,
} from './pre-tokenizer.js'
export { tokenLabels } from './token-label.js'
export type { DecodeOptions, EncodeOptions, Encoding, StreamDecoder, Tokenizer } from './tokenizer.js'
export type {
  NormalizerDefinition,
  PostProcessorDefinition,
  TemplateDefinition,
  TemplatePiece,
  TemplateTokens,
  TokenizerDefinition,
} from './tokenizer-definition.js'
export { loadTokenizer, saveTokenizer } from './tokenizer-file.js'
export { trainByteLevel } from './trainer.js'
export type { TrainOptions } from './trainer.js'
