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
