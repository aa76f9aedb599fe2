import { fillMask, questionAnswering, tokenClassification } from './reading.js'
import { textClassification, zeroShotClassification } from './classification.js'
import type { RunnableTask } from './task.js'

export { textIn, type AnyPipeline, type RunnableTask } from './task.js'

/** How each task is called and shown, by its name. */
export const runnableTasks: Readonly<Record<string, RunnableTask>> = {
  'question-answering': questionAnswering,
  'text-classification': textClassification,
  'zero-shot-classification': zeroShotClassification,
  'token-classification': tokenClassification,
  'fill-mask': fillMask,
}
