export * from './metrics/index.js'
export {
  type PipelineOptions,
  pipeline,
  type Pipelines,
  type Task,
  type TaskAliases,
  tasks,
} from './pipeline.js'
export * from './task.js'
export * from './run-task.js'
export * from './callable.js'
export * from './attention.js'
export * from './texts.js'
export * from './labels.js'
export * from './scores.js'
export * from './shipped.js'
export * from './text-classification.js'
export * from './evaluate/index.js'
export * from './zero-shot-classification.js'
export * from './answer-spans.js'
export * from './question-answering.js'
export * from './entities.js'
export * from './token-classification.js'
export * from './fill-mask.js'
export * from './word-attention.js'
export * from './joined-attention.js'
export * from './decoder-attention.js'
export * from './feature-extraction.js'
export * from './sentence-similarity.js'
export * from './rerank.js'
export * from './token-map.js'
export * from './writer.js'
export * from './writing-options.js'
export * from './write-pieces.js'
export * from './text-generation.js'
export * from './languages.js'
export * from './text-to-text.js'
export * from './chat.js'
