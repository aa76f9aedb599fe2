import { textClassification, zeroShotClassification } from './classification.js'
import { featureExtraction, rerank, sentenceSimilarity } from './comparing.js'
import { fillMask, questionAnswering, tokenClassification } from './reading.js'
import {
  imageClassification,
  imageFeatureExtraction,
  imageToText,
  zeroShotImageClassification,
} from './pictures.js'
import type { RunnableTask } from './task.js'
import { summarization, text2TextGeneration, textGeneration, translation } from './writing.js'

export { textIn, type AnyPipeline, type RunInputs, type RunnableTask } from './task.js'

/** How each task is called and shown, by its name. */
export const runnableTasks: Readonly<Record<string, RunnableTask>> = {
  'question-answering': questionAnswering,
  'text-classification': textClassification,
  'zero-shot-classification': zeroShotClassification,
  'token-classification': tokenClassification,
  'fill-mask': fillMask,
  'sentence-similarity': sentenceSimilarity,
  rerank,
  'feature-extraction': featureExtraction,
  'text-generation': textGeneration,
  summarization,
  'text2text-generation': text2TextGeneration,
  translation,
  'image-to-text': imageToText,
  'image-classification': imageClassification,
  'zero-shot-image-classification': zeroShotImageClassification,
  'image-feature-extraction': imageFeatureExtraction,
}
