export * from './binding.js'
export * from './config.js'
export { type GgufArchitecture, ggufArchitectures } from './gguf-architectures.js'
export {
  ggufArchitectureOf,
  ggufMetadata,
  type GgufModel,
  ggufPooling,
  type GgufPooling,
  hubConfig,
} from './gguf-config.js'
export type { GgufFacts, GgufValues, HubConfig } from './gguf-facts.js'
export * from './load-tree.js'
export * from './weights.js'
export * from './save-tree.js'
export * from './quantize-tree.js'
