import type { AnswerPart } from '@heed/studio'
import { HeedError, readPicture, type Features } from 'heed'
import type { Fields } from '../fields.js'
import { patchesAttended } from '../picture-attended.js'
import { labelled } from './classification.js'
import { vectorText } from './comparing.js'
import { textIn, type RunnableTask } from './task.js'
import { byThemselves } from './writing.js'

const image = (fields: Fields): string => textIn(fields, 'image')

/** The picture itself, small. One that can't be shown has an error of its own elsewhere. */
async function shown(fields: Fields): Promise<readonly AnswerPart[]> {
  try {
    return [{ kind: 'picture', picture: await readPicture(image(fields), { transparency: 'white' }) }]
  } catch (error) {
    if (error instanceof HeedError) return []
    throw error
  }
}

interface LabelScore {
  readonly label: string
  readonly score: number
}

function bars(result: unknown): readonly AnswerPart[] {
  const rows = (result as readonly LabelScore[]).map(({ label, score }) => ({ text: label, score }))
  return [{ kind: 'bars', rows }]
}

const ofPictures: Pick<RunnableTask, 'input' | 'shown' | 'attended'> = {
  input: image,
  shown,
  attended: (_, __, attention) => patchesAttended(attention),
}

/** `image-to-text`: a text about a picture. */
export const imageToText: RunnableTask = {
  ...ofPictures,
  run: byThemselves(image),
  parts: (_, result) =>
    (result as readonly { readonly generated_text: string }[]).map(({ generated_text: text }) => ({
      kind: 'text' as const,
      text,
    })),
}

/** `image-classification`: labels of a picture. */
export const imageClassification: RunnableTask = { ...ofPictures, parts: (_, result) => bars(result) }

/** `zero-shot-image-classification`: any labels, those of the input or of the options. */
export const zeroShotImageClassification: RunnableTask = {
  ...ofPictures,
  run: labelled('zero-shot-image-classification', image),
  parts: (_, result) => bars(result),
}

/** `image-feature-extraction`: the vector of a picture, or of each patch. */
export const imageFeatureExtraction: RunnableTask = {
  ...ofPictures,
  defaults: { pool: true },
  json: (result) => (result as Features).tolist()[0],
  parts: (_, result) => [{ kind: 'text', text: vectorText(result, 'patch') }],
}
