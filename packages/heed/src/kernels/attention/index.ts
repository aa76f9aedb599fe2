export {
  attentionDefinition, type AttentionDefinition, type AttentionSizes, type CapturedTensor, type CapturePlace, type Place,
} from './definition.js'
export { attentionForward, type ForwardPlaces, type Plan, type StatisticsPlaces } from './plan.js'
