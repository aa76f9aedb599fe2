/**
 * How good a model is at pictures and words: what it writes about pictures, and which of many words it finds
 * for them, without having seen these as labels.
 */
import { checkWhole, pause, UsageError } from '../../base/index.js'
import { type LoadedTowers, ofFamily, type Running } from '../../models/index.js'
import type { DataRecord } from '../../train/index.js'
import type { Picture } from '../../vision/index.js'
import { createImageToText, type ImageToTextOutput } from '../image-to-text.js'
import { captionWords } from '../metrics/index.js'
import { type PictureInput, PictureReader } from '../pictures.js'
import type { LabelScore } from '../text-classification.js'
import { createZeroShotImageClassification } from '../zero-shot-image-classification.js'
import {
  type PicturePoint,
  pixelPoints,
  type SaidPicture,
  saidOfNearest,
  towersPoints,
} from './baselines/pictures.js'
import {
  checkOptions,
  type EvaluateOptions,
  type Measure,
  type Measured,
  meanStatistic,
  stopIfAsked,
  textIn,
  wrongRecord,
} from './evaluation.js'
import { captionMeasure, type EvaluateWritingOptions } from './writing.js'

/** How texts about pictures are written, and what they stand beside. */
export interface EvaluateCaptionsOptions extends EvaluateWritingOptions {
  /** A model of texts and pictures: in its space, too, the nearest picture is looked for. */
  readonly towers?: Running | undefined
}

/** How labels become sentences. */
export interface EvaluateZeroShotOptions extends EvaluateOptions {
  /** As `hypothesis_template` of the pipeline: several are an ensemble. Default 'This is a photo of {}'. */
  readonly templates?: readonly string[] | undefined
}

/**
 * Descriptions of pictures, `{ image, text }` or `{ image, text, references }` where several are right: see
 * `captionMeasure`. Beside: `nearest in pixels`, the text of the picture among those learned from that is
 * nearest, in 16 by 16 pixels; with `towers`, `nearest in vectors`, the same by the vectors of that model.
 *
 * @throws UsageError where the model doesn't write about pictures, or for other records; FormatError for what
 * is no picture
 */
export async function measureCaptions(
  loaded: Running,
  records: readonly DataRecord[],
  options: EvaluateCaptionsOptions = {},
): Promise<Measured> {
  const task = 'image-to-text'
  checkOptions(task, options, ['beams', 'lengthPenalty', 'tokens', 'towers'])
  const { around, beams, lengthPenalty, tokens, batchTokens, signal, progress, towers } = options
  if (beams !== undefined) checkWhole(task, 'beams', beams, 1)
  if (tokens !== undefined) checkWhole(task, 'tokens', tokens, 1)
  const near = towers && ofFamily(towers, 'dual-encoder', task)
  const model = ofFamily(loaded, 'captioner', task)
  const reader = new PictureReader(task, model)
  const wanted = records.map((record) => referencesIn(task, record))
  const items = await saidIn(task, reader, records, 'text', options)
  const found = (await createImageToText({ model, owned: false, around })(
    items.map(({ picture }) => picture),
    {
      ...(beams !== undefined && { num_beams: beams }),
      ...(lengthPenalty !== undefined && { length_penalty: lengthPenalty }),
      ...(tokens !== undefined && { max_new_tokens: tokens }),
      ...(batchTokens !== undefined && { batchTokens }),
      ...(signal !== undefined && { signal }),
      ...(progress !== undefined && { progress: (done: number, total: number) => progress(done, total) }),
    },
  )) as readonly (readonly ImageToTextOutput[])[]
  const texts = found.map(([first]) => first!.generated_text)
  const others = await othersIn(task, reader, 'text', options)
  const nearest = (name: string, points: (pictures: readonly SaidPicture[]) => PicturePoint[]): Measure => {
    const said = saidOfNearest(points(items), others && points(others), 1)
    return captionMeasure(
      name,
      said.map(([text]) => text ?? ''),
      wanted,
    )
  }
  return {
    task,
    count: items.length,
    own: captionMeasure('model', texts, wanted),
    baselines: () => {
      if (others === undefined && items.length < 2) throw tooFew(task)
      return [
        nearest('nearest in pixels', pixelPoints),
        ...(near === undefined
          ? []
          : [nearest('nearest in vectors', (pictures) => towersPoints(near, pictures))]),
      ]
    },
    details: {
      examples: items.slice(0, 5).map(({ text }, i) => ({ target: text, written: texts[i]! })),
    },
  }
}

/**
 * Which of all labels that the records have fits a picture best, `{ image, label }`: `accuracy@1`,
 * `accuracy@5`, the share of pictures whose label is the first, or among the first five. Where several labels
 * are equally good, the chance of each order counts. Beside: `chance`; where there is something to learn from
 * (`{ image, label }` as well), `nearest in pixels`, by the words that a label has in common with those of
 * the ten nearest pictures, each of which counts half as much as the one before.
 *
 * @throws UsageError where the model isn't one of texts and pictures, or for other records; FormatError for
 * what is no picture
 */
export async function measureZeroShotPictures(
  loaded: Running,
  records: readonly DataRecord[],
  options: EvaluateZeroShotOptions = {},
): Promise<Measured> {
  const task = 'zero-shot-image-classification'
  checkOptions(task, options, ['templates'])
  const { around, batchTokens, signal, progress, templates } = options
  const model: Running<LoadedTowers> = ofFamily(loaded, 'dual-encoder', task)
  const reader = new PictureReader(task, model)
  const items = await saidIn(task, reader, records, 'label', options)
  const labels = [...new Set(items.map(({ text }) => text))]
  const places = new Map(labels.map((label, i) => [label, i]))
  const right = items.map(({ text }) => places.get(text)!)
  const found =
    items.length === 0
      ? []
      : ((await createZeroShotImageClassification({ model, owned: false, around })(
          items.map(({ picture }) => picture),
          labels,
          {
            ...(templates !== undefined && { hypothesis_template: templates }),
            ...(batchTokens !== undefined && { batchTokens }),
            ...(signal !== undefined && { signal }),
            ...(progress !== undefined && {
              progress: (done: number, total: number) => progress(done, total),
            }),
          },
        )) as readonly (readonly LabelScore[])[])
  const scores = found.map((list) => {
    const own = new Float64Array(labels.length)
    for (const { label, score } of list) own[places.get(label)!] = score
    return own
  })
  const others = await othersIn(task, reader, 'label', options)
  return {
    task,
    count: items.length,
    own: labelMeasure('model', scores, right),
    baselines: () => {
      const even = items.map(() => new Float64Array(labels.length))
      const chance = labelMeasure('chance', even, right)
      if (others === undefined) return [chance]
      const wordsOf = (text: string): ReadonlySet<string> => new Set(captionWords(text))
      const words = new Map(
        [...labels, ...others.map(({ text }) => text)].map((text) => [text, wordsOf(text)]),
      )
      const byWords = saidOfNearest(pixelPoints(items), pixelPoints(others), 10).map((said) =>
        labels.map((label) =>
          said.reduce(
            (sum, text, n) => sum + 2 ** -n * wordsInCommon(words.get(label)!, words.get(text)!),
            0,
          ),
        ),
      )
      return [chance, labelMeasure('nearest in pixels', byWords, right)]
    },
    details: { labels: labels.length, templates: (templates ?? ['This is a photo of {}']).join(' | ') },
  }
}

/** How often the right label is among the first. */
function labelMeasure(name: string, scores: readonly ArrayLike<number>[], right: readonly number[]): Measure {
  const within = (most: number): number[] =>
    scores.map((own, i) => {
      const score = own[right[i]!]!
      let [better, equal] = [0, 0]
      for (let at = 0; at < own.length; at++) {
        if (own[at]! > score) better++
        else if (own[at]! === score) equal++
      }
      return Math.min(1, Math.max(0, most - better) / Math.max(1, equal))
    })
  return {
    name,
    metrics: {
      'accuracy@1': meanStatistic(within(1)),
      'accuracy@5': meanStatistic(within(5)),
    },
  }
}

/** F1 of two texts' different words. */
function wordsInCommon(own: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let both = 0
  for (const word of own) if (other.has(word)) both++
  return both === 0 ? 0 : (2 * both) / (own.size + other.size)
}

/** What people say of a picture. */
function referencesIn(task: string, record: DataRecord): readonly string[] {
  const { references } = record
  if (references === undefined || references === null) return [textIn(task, record, 'text')]
  const isList =
    Array.isArray(references) && references.length > 0 && references.every((one) => typeof one === 'string')
  if (!isList) throw wrongRecord(task, "records with a list of texts 'references', or without", record)
  return references as readonly string[]
}

/** The records' pictures, decoded, with a text of theirs. */
async function saidIn(
  task: string,
  reader: PictureReader,
  records: readonly DataRecord[],
  field: 'text' | 'label',
  { signal }: EvaluateOptions,
): Promise<SaidPicture[]> {
  const known = new Map<unknown, Picture>()
  const found: SaidPicture[] = []
  for (const record of records) {
    const text = textIn(task, record, field)
    const { image } = record
    if (typeof image !== 'string' && (typeof image !== 'object' || image === null))
      throw wrongRecord(task, "records with a picture 'image'", record)
    let picture = known.get(image)
    if (picture === undefined) {
      await pause()
      stopIfAsked(signal)
      known.set(image, (picture = await reader.decoded(image as PictureInput)))
    }
    found.push({ picture, text })
  }
  return found
}

/** What baselines learn from, where there is some. */
function othersIn(
  task: string,
  reader: PictureReader,
  field: 'text' | 'label',
  options: EvaluateOptions,
): Promise<SaidPicture[] | undefined> {
  const { learnFrom, baselines = true } = options
  return learnFrom === undefined || !baselines
    ? Promise.resolve(undefined)
    : saidIn(task, reader, learnFrom, field, options)
}

function tooFew(task: string): UsageError {
  return new UsageError({
    operation: task,
    expected: 'records to learn baselines from',
    found: 'one record',
    hint: 'give learnFrom, or leave baselines out',
  })
}
