/** Trainers: tokenizers learned from texts. */
export { learnByteLevel, type TrainOptions } from './learn-byte-level.js'
export { learnTokenizer } from './learn-tokenizer.js'
export type {
  BytePairTraining,
  StepSettings,
  TrainTokenizerOptions,
  UnigramTraining,
  WordLevelTraining,
  WordPieceTraining,
} from './train-options.js'
export type { TrainingProgress } from './training-steps.js'
