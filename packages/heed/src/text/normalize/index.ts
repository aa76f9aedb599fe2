export { createNormalizer, type NormalizerDefinition, readNormalizer } from './normalizer.js'
