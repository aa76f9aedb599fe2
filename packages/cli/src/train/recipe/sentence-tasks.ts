import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  createSentenceEncoder,
  loadEncoder,
  loadSentenceEncoder,
  saveSentenceEncoder,
  sentenceDistillation,
  sentenceSimilarity,
  teacherVectors,
  trainedSentences,
  trainedStudent,
  type LoadedModel,
  type SentenceEncoder,
  type SentenceWeights,
} from 'heed'
import { countText } from '../../format.js'
import { ConfigError } from '../section.js'
import { configured } from './configured.js'
import type { OpenedRecipe, OpenRecipe, RecipeStart } from './opened.js'
import { pathOf } from './data.js'
import { textsOf } from './start.js'

/** What a teacher made of the texts, in the output folder. */
const teacherFile = 'teacher.safetensors'

/** Vectors of sentences by pairs with scores, or by texts with what says the same and what doesn't. */
export const sentenceSimilarityTask: OpenRecipe = async (start) => {
  const { config } = start
  const encoder = await encoderOf(start)
  const objective = await configured(config, 'objective', async () =>
    sentenceSimilarity(encoder, config.objective),
  )
  return sentences(encoder, trainedSentences(encoder), objective)
}

/** Vectors of sentences as another model, the teacher, makes them. */
export const sentenceDistillationTask: OpenRecipe = async (start) => {
  const { config, records, stage, signal } = start
  const { teacher: from, ...options } = config.objective
  if (typeof from !== 'string')
    throw new ConfigError({
      expected: 'objective.teacher to be the path of a sentence encoder',
      found: from === undefined ? 'nothing' : typeof from,
      hint: 'name whose vectors are learned',
      file: config.file,
      field: 'objective.teacher',
    })
  const encoder = await encoderOf(start)
  const teacher = await loadSentenceEncoder(pathOf('objective.teacher', from, config.file))
  const vectors = await teacherVectors(teacher, textsOf(records), {
    cache: join(config.output, teacherFile),
    signal,
    progress: (done, total) => stage(`the teacher reads ${countText(done)} of ${countText(total)} texts`),
  })
  const objective = await configured(config, 'objective', async () =>
    sentenceDistillation(encoder, vectors, options),
  )
  return sentences(encoder, trainedStudent(encoder, vectors.width, config.training.seed), objective)
}

/** The encoder as its folder has it, or, with a head in the configuration or without one there, a new one. */
async function encoderOf({ config, path }: RecipeStart): Promise<SentenceEncoder> {
  const hasOwn = existsSync(join(path, 'modules.json')) && Object.keys(config.head).length === 0
  if (hasOwn) return loadSentenceEncoder(path)
  const loaded = await loadEncoder(path)
  return configured(config, 'head', async () => createSentenceEncoder(loaded, config.head))
}

function sentences(encoder: SentenceEncoder, model: unknown, objective: unknown): OpenedRecipe {
  return {
    model: model as LoadedModel,
    objective: objective as OpenedRecipe['objective'],
    encoder: encoder.loaded as NonNullable<OpenedRecipe['encoder']>,
    weightsOf: (trained) => (trained as unknown as SentenceWeights).encoder,
    save: (trained, folder, dtype) =>
      saveSentenceEncoder(folder, encoder.withWeights(trained.model as unknown as SentenceWeights), dtype),
  }
}
