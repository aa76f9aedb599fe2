/** Each objective with a tiny model and records that it can learn in seconds. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type HeadOptions, loadModel, type LoadedModel } from '../../../models/index.js'
import {
  causalLanguage,
  imageTextContrast,
  imageToText,
  maskedLanguage,
  type Objective,
  questionAnswering,
  sequenceToSequence,
  textClassification,
  tokenClassification,
} from '../../index.js'
import { pictured, prompted, questions, rewritten, sentences, taggedWords } from './texts.js'
import { type tinyConfigs, writeTinyModel } from './tiny-model.js'

/** An objective of whatever types. */
export type AnyObjective = Objective<unknown, unknown, unknown, unknown>

export interface ObjectiveCase {
  readonly name: string
  readonly type: keyof typeof tinyConfigs
  readonly head?: HeadOptions
  readonly of: (loaded: never) => unknown
  readonly records: (count: number) => readonly unknown[]
  readonly steps: number
  readonly rate: number
  /** The loss on other records that it falls below. */
  readonly loss: number
}

const labels = ['animal', 'tool']

export const cases: readonly ObjectiveCase[] = [
  {
    name: 'text-classification',
    type: 'bert',
    head: { name: 'SequenceClassification', labels },
    of: textClassification,
    records: sentences,
    steps: 40,
    rate: 0.01,
    loss: 0.4,
  },
  {
    name: 'text-classification of pairs, several labels at once',
    type: 'bert',
    head: { name: 'SequenceClassification', labels, problem: 'multi_label_classification' },
    of: (loaded) => textClassification(loaded, { kind: 'several' }),
    records: (count) =>
      sentences(count).map(({ text, label }, i) => ({
        text: 'it is here .',
        pair: text,
        label: i % 5 === 0 ? [] : [label],
      })),
    steps: 80,
    rate: 0.01,
    loss: 0.5,
  },
  {
    name: 'text-classification as a regression',
    type: 'bert',
    head: { name: 'SequenceClassification', labels: ['score'] },
    of: textClassification,
    records: (count) =>
      sentences(count).map(({ text, label }) => ({ text, label: label === 'tool' ? 1 : -1 })),
    steps: 40,
    rate: 0.01,
    loss: 0.5,
  },
  {
    name: 'token-classification',
    type: 'bert',
    head: { name: 'TokenClassification', labels: ['O', 'B-ANIMAL', 'I-ANIMAL', 'B-TOOL', 'I-TOOL'] },
    of: tokenClassification,
    records: taggedWords,
    steps: 40,
    rate: 0.01,
    loss: 0.4,
  },
  {
    name: 'question-answering',
    type: 'bert',
    head: { name: 'QuestionAnswering' },
    of: questionAnswering,
    records: questions,
    steps: 60,
    rate: 0.01,
    loss: 1.2,
  },
  {
    name: 'masked-language',
    type: 'bert',
    head: { name: 'MaskedLM' },
    of: maskedLanguage,
    records: sentences,
    steps: 60,
    rate: 0.01,
    loss: 3,
  },
  {
    name: 'language',
    type: 'llama',
    of: causalLanguage,
    records: sentences,
    steps: 40,
    rate: 0.01,
    loss: 2.4,
  },
  {
    name: 'language, answers only',
    type: 'llama',
    of: causalLanguage,
    records: prompted,
    steps: 40,
    rate: 0.01,
    loss: 1,
  },
  {
    name: 'sequence-to-sequence',
    type: 't5',
    of: (loaded) => sequenceToSequence(loaded, { labelSmoothing: 0.01 }),
    records: rewritten,
    steps: 40,
    rate: 0.04,
    loss: 1,
  },
  {
    name: 'image-to-text',
    type: 'captioner',
    of: imageToText,
    records: pictured,
    steps: 60,
    rate: 0.01,
    loss: 1,
  },
  {
    name: 'image-text-contrast',
    type: 'clip',
    of: imageTextContrast,
    records: pictured,
    steps: 60,
    rate: 0.01,
    loss: 2,
  },
]

/** The model of a case, below `folder`, and its objective. */
export async function madeOf(
  folder: string,
  { type, head, of }: ObjectiveCase,
): Promise<{ readonly loaded: LoadedModel; readonly objective: AnyObjective }> {
  const path = join(folder, type)
  if (!existsSync(join(path, 'model.safetensors'))) await writeTinyModel(path, type)
  const loaded = await loadModel(path, { head })
  return { loaded, objective: of(loaded as never) as AnyObjective }
}
