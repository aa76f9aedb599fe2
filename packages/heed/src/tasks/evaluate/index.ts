export {
  type Beside,
  drawnOf,
  type EvaluateOptions,
  type Evaluation,
  evaluationOf,
  type Measure,
  type Measured,
  type EvaluationScore,
  scoresOf,
  type Statistic,
} from './evaluation.js'
export { type ClassificationDetails, measureClassification } from './classification.js'
export { type EvaluateSimilarityOptions, measureSimilarity } from './similarity.js'
export {
  type EvaluateSearchOptions,
  measureSearch,
  type SearchCollection,
  searchCollection,
  type SearchQuery,
} from './search.js'
export { type EvaluateReadingOptions, measureReading } from './reading.js'
export { measureTokens } from './token-classification.js'
export {
  type EvaluateWritingOptions,
  captionMeasure,
  measureSummaries,
  measureTranslations,
} from './writing.js'
export {
  type EvaluateCaptionsOptions,
  type EvaluateZeroShotOptions,
  measureCaptions,
  measureZeroShotPictures,
} from './pictures.js'
export { type EvaluatePerplexityOptions, measureChoice, measurePerplexity } from './likelihood.js'
export { type HeadRow, headTable } from './head-table.js'
export { type Ablation, ablateHeads, type AblateOptions, type HeadCost } from './ablation.js'
export {
  evaluate,
  type EvaluationTask,
  evaluationTasks,
  type OpenedTask,
  openTask,
  type TaskSettings,
} from './open-task.js'
export { classBaselines, type ClassBaselines, type ClassExample } from './baselines/classes.js'
export { averagedEmbeddings } from './baselines/embeddings.js'
export { firstSentence, slidingWindowAnswer } from './baselines/sliding-window.js'
export { learnLexicon, type Lexicon, type TranslatedText, wordByWord } from './baselines/lexicon.js'
export { nearestTarget, type TranslationMemory, translationMemory } from './baselines/written.js'
