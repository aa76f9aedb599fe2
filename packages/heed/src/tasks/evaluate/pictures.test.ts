import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, type Running } from '../../models/index.js'
import { pictured } from '../../train/objectives/testing/texts.js'
import { writeTinyModel } from '../../train/objectives/testing/tiny-model.js'
import { pipeline } from '../index.js'
import { temporaryFolder } from '../testing/tiny.js'
import {
  ablateHeads,
  captionMeasure,
  evaluate,
  evaluationOf,
  measureCaptions,
  measureZeroShotPictures,
  openTask,
} from './index.js'

const folder = temporaryFolder()
const [captions, towers] = [join(folder.path, 'captions'), join(folder.path, 'towers')]
let writer: Running
let pairs: Running

beforeAll(async () => {
  await writeTinyModel(captions, 'captioner')
  await writeTinyModel(towers, 'clip')
  writer = await loadModel(captions)
  pairs = await loadModel(towers)
})
afterAll(() => folder.remove())

const all = pictured(60)
/** Pictures whose names differ, each once; and those of the same names that are drawn alike. */
const names = [...new Set(all.map(({ text }) => text))]
const records = all.slice(0, 20)
const items = Uint32Array.from(records, (_, i) => i)
const few = { samples: 50 }

describe('captions', () => {
  test('have the scores of the texts that the pipeline writes, each of several references counting', async () => {
    const describes = await pipeline('image-to-text', captions)
    const found = await describes(
      records.map(({ image }) => image),
      { max_new_tokens: 6 },
    )
    const texts = found.map(([first]) => first!.generated_text)
    describes.dispose()
    const references = records.map(({ text }, i) => (i % 2 === 0 ? [text, texts[i]!] : [text]))
    const given = records.map((record, i) => ({ ...record, references: references[i] }))
    const measured = await measureCaptions(writer, given, { tokens: 6, baselines: false })
    const expected = captionMeasure('model', texts, references)
    expect(measured.own.metrics['exact']!(items)).toBeGreaterThanOrEqual(0.5)
    for (const metric of ['BLEU-4', 'CIDEr', 'exact'])
      expect(measured.own.metrics[metric]!(items)).toBe(expected.metrics[metric]!(items))
    // A picture at a time.
    const alone = await measureCaptions(writer, given, { tokens: 6, batchTokens: 1 })
    expect(alone.own.metrics['CIDEr']!(items)).toBe(expected.metrics['CIDEr']!(items))
  })

  test('stand beside the text of the nearest picture, in pixels and in vectors', async () => {
    // The same names are drawn alike: what was learned says all.
    const known = await measureCaptions(writer, records, { tokens: 3, learnFrom: all, towers: pairs })
    const { scores } = await evaluationOf(known, few)
    const exact = scores.find(({ metric }) => metric === 'exact')!
    expect(exact.beside.map(({ name, value }) => `${name} ${value}`)).toEqual([
      'nearest in pixels 1',
      'nearest in vectors 1',
    ])
    // Of pictures with other names alone nobody says the same.
    const others = all.filter(({ text }) => !records.some((record) => record.text === text))
    expect(others.length).toBeGreaterThan(0)
    const apart = await measureCaptions(writer, records, { tokens: 3, learnFrom: others })
    expect(apart.baselines()[0]!.metrics['exact']!(items)).toBe(0)
    const found = await evaluate(captions, 'image-to-text', records, {
      ...few,
      settings: { towers, tokens: 3, beams: 2 },
    })
    expect(found.scores.map(({ metric }) => metric)).toEqual(['BLEU-4', 'CIDEr', 'exact'])
    expect(found.scores[0]!.beside).toHaveLength(2)
  })

  test('without a head', async () => {
    const opened = await openTask(captions, 'image-to-text', { tokens: 2 })
    const { heads } = await ablateHeads(
      opened.loaded,
      (options) => opened.measure(records.slice(0, 3), options),
      { samples: 5 },
    )
    expect(new Set(heads.map(({ attention }) => attention)).size).toBe(opened.loaded.attentions.length)
  })

  test('refuses what is no record of pictures, and other models', async () => {
    await expect(measureCaptions(writer, [{ text: 'a cat' }])).rejects.toThrow("a picture 'image'")
    await expect(measureCaptions(writer, [{ ...records[0]!, references: [] }])).rejects.toThrow('references')
    await expect(measureCaptions(pairs, records)).rejects.toThrow("'captioner'")
    await expect(measureCaptions(writer, records, { towers: writer })).rejects.toThrow("'dual-encoder'")
    const one = await measureCaptions(writer, records.slice(0, 1), { tokens: 2 })
    expect(() => one.baselines()).toThrow('learn baselines from')
  })
})

describe('labels of pictures', () => {
  const labelled = records.map(({ image, text }) => ({ image, label: text }))
  const labels = [...new Set(records.map(({ text }) => text))]

  test.each([[undefined], [['{}', 'a picture of {}']]])('by the templates %j', async (templates) => {
    const classify = await pipeline('zero-shot-image-classification', towers)
    const found = await classify(
      records.map(({ image }) => image),
      labels,
      templates === undefined ? {} : { hypothesis_template: templates },
    )
    classify.dispose()
    const measured = await measureZeroShotPictures(pairs, labelled, { templates })
    for (const most of [1, 5]) {
      const right = found.filter((list, i) =>
        list.slice(0, most).some(({ label }) => label === labelled[i]!.label),
      ).length
      expect(measured.own.metrics[`accuracy@${most}`]!(items)).toBeCloseTo(right / 20, 10)
    }
    expect(measured.details['labels']).toBe(labels.length)
  })

  test('stand beside chance, and beside the words of what looks alike', async () => {
    const learned = all.map(({ image, text }) => ({ image, label: text }))
    const measured = await measureZeroShotPictures(pairs, labelled, { learnFrom: learned })
    const [chance, nearest] = measured.baselines()
    expect(chance!.metrics['accuracy@1']!(items)).toBeCloseTo(1 / labels.length, 10)
    expect(chance!.metrics['accuracy@5']!(items)).toBeCloseTo(Math.min(1, 5 / labels.length), 10)
    // Two names of the same two words are equally good.
    expect(nearest!.metrics['accuracy@1']!(items)).toBeGreaterThanOrEqual(0.9)
    expect(nearest!.metrics['accuracy@5']!(items)).toBe(1)
    expect(names.length).toBeGreaterThan(labels.length)
    const alone = await evaluate(towers, 'zero-shot-image-classification', labelled, {
      ...few,
      settings: { templates: ['{}'] },
    })
    expect(alone.scores.map(({ beside }) => beside.map(({ name }) => name).join())).toEqual([
      'chance',
      'chance',
    ])
  })

  test('refuses templates without a place, and other models', async () => {
    await expect(measureZeroShotPictures(pairs, labelled, { templates: ['a cat'] })).rejects.toThrow(
      '{} in it',
    )
    await expect(measureZeroShotPictures(pairs, records)).rejects.toThrow("a text 'label'")
    await expect(measureZeroShotPictures(writer, labelled)).rejects.toThrow("'dual-encoder'")
  })
})
