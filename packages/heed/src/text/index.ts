export type { AddedToken } from './added-tokens.js'
export type { DecoderDefinition } from './decode/index.js'
export type { TokenizerDefinition } from './definition.js'
export { saveTokenizer, type SaveTokenizerOptions } from './files/save-tokenizer.js'
export {
  Encoding,
  type PaddingDefinition,
  type PostProcessorDefinition,
  type TruncationDefinition,
} from './finish/index.js'
export {
  type BytePairTraining,
  type StepSettings,
  type TrainTokenizerOptions,
  type UnigramTraining,
  type WordLevelTraining,
  type WordPieceTraining,
} from './learn/train-options.js'
export type { TrainingProgress } from './learn/training-steps.js'
export { loadTokenizerFiles } from './load-tokenizer-files.js'
export { loadTokenizer } from './load-tokenizer.js'
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
export { tokenLabels } from './token-labels.js'
export type {
  DecodeOptions,
  EncodeOptions,
  StreamDecoder,
  TextInput,
  TextPair,
  Tokenizer,
} from './tokenizer.js'
export { trainTokenizer } from './train-tokenizer.js'
export { trainByteLevel } from './trainer.js'
export type { TrainOptions } from './trainer.js'
