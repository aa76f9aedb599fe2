// The public names of tasks. Each name is listed, as in index.ts, which gives them all.

export {
  type AttendedToken,
  type Attention,
  type Filter,
  type FilterLabels,
  type LabelScore,
  pipeline,
  type PipelineOptions,
  type Pipelines,
  type ScoreFunction,
  type Task,
  type TaskAliases,
  type TaskOptions,
  type TaskPipeline,
  tasks,
  type TextClassificationInput,
  type TextClassificationOptions,
  type TextClassificationPipeline,
  type TextPairInput,
} from './tasks/index.js'
