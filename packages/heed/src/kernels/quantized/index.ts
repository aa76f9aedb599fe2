export { blockSize } from './block-layout.js'
export {
  type BlockFormat,
  blockFormats,
  groupDepth,
  type PackedFormat,
  packedShape,
  type PackedShape,
  packings,
  type WeightFormat,
  weightFormats,
} from './format.js'
export { halvesProduct, type HalvesProduct, type PackedHalves } from './halves.js'
export * from './plan.js'
