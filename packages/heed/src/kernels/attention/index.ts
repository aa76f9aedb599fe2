export {
  attentionDefinition,
  type AttentionDefinition,
  type AttentionSizes,
  type CapturedTensor,
  type StoredFloat,
  type StoredOperands,
} from './definition.js'
export type { BackwardPlaces, CapturePlace, ForwardPlaces, Place, Plan, StatisticsPlaces } from './places.js'
export { type Appended, planAppend } from './append.js'
export { captureGradientSlots } from './derivative.js'
export { filterWeight } from './filter.js'
export { attentionBackward } from './plan-backward.js'
export { attentionForward } from './plan-forward.js'
export { attentionForwardRagged, type RaggedSequence } from './ragged.js'
export { planScores, planScoresBackward, type ScoreGradientPlaces, type ScorePlaces } from './scores.js'
