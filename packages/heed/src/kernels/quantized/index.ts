export { groupDepth, packedShape, type PackedShape, type WeightFormat, weightFormats } from './format.js'
export * from './plan.js'
