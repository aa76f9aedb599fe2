export {
  attentionDefinition,
  type AttentionDefinition,
  type AttentionSizes,
  type CapturedTensor,
} from './definition.js'
export type { BackwardPlaces, CapturePlace, ForwardPlaces, Place, Plan, StatisticsPlaces } from './places.js'
export { attentionBackward, attentionForward } from './plan.js'
