export type { AddedToken } from './added-tokens.js'
export { createDecoder as createTextDecoder, type DecoderDefinition } from './decode/index.js'
export type { TokenizerDefinition } from './definition.js'
export { ggufVocabulary, type GgufSpecial, type GgufVocabularyOptions } from './gguf-vocabulary.js'
export { saveTokenizer, type SaveTokenizerOptions } from './files/save-tokenizer.js'
export {
  Encoding,
  type PaddingDefinition,
  type PostProcessorDefinition,
  type TruncationDefinition,
} from './finish/index.js'
export type {
  BytePairTraining,
  StepSettings,
  TrainingProgress,
  TrainOptions,
  TrainTokenizerOptions,
  UnigramTraining,
  WordLevelTraining,
  WordPieceTraining,
} from './learn/index.js'
export { loadTokenizerFiles } from './load-tokenizer-files.js'
export { loadGgufTokenizer, loadLlama2cTokenizer, loadTokenizer } from './load-tokenizer.js'
export type { NormalizerDefinition } from './normalize/index.js'
export { PatternError } from './pattern/index.js'
export { createTokenizer } from './pipeline.js'
export type { PreTokenizerDefinition } from './split/index.js'
export type {
  BytePairDefinition,
  ModelDefinition,
  UnigramDefinition,
  WordLevelDefinition,
  WordPieceDefinition,
} from './subword/index.js'
export { type PruneOptions, type PrunedTokenizer, pruneTokenizer } from './prune-tokenizer.js'
export { type ChatMessage, type ChatOptions, ChatTemplate } from './template/index.js'
export { tokenLabels } from './token-labels.js'
export type {
  DecodeOptions,
  EncodeOptions,
  StreamDecoder,
  TextInput,
  TextPair,
  Tokenizer,
} from './tokenizer.js'
export { trainByteLevel } from './train-byte-level.js'
export { trainTokenizer } from './train-tokenizer.js'
