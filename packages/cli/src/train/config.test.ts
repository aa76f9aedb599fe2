import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { completeModel, parseTrainConfig } from './config.js'
import { ConfigError } from './section.js'

const model = { context: 128, width: 64, layers: 2, heads: 4 }
const least = {
  model,
  tokenizer: { train: 512 },
  data: { train: ['text.txt'] },
  training: { steps: 1000 },
  output: 'out',
}

function parse(config: unknown): ReturnType<typeof parseTrainConfig> {
  return parseTrainConfig(JSON.stringify(config), '/home/run/config.json')
}

function refusal(config: unknown): ConfigError {
  try {
    parse(config)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error as ConfigError
  }
  throw new Error('not refused')
}

test('a short configuration is completed', () => {
  expect(parse(least)).toEqual({
    file: '/home/run/config.json',
    model,
    tokenizer: { train: 512 },
    data: { train: ['/home/run/text.txt'], validation: [] },
    training: {
      steps: 1000,
      batch: 8,
      context: 128,
      accumulation: 1,
      rate: 1e-3,
      minimumRate: 1e-4,
      warmUp: 100,
      schedule: 'cosine',
      decay: 0.1,
      betas: [0.9, 0.95],
      epsilon: 1e-8,
      clip: 1,
      dropout: 0,
      separateDocuments: false,
      rematerialize: false,
      evaluateEvery: 50,
      evaluationBatches: 32,
      checkpointEvery: 100,
      seed: 0,
    },
    watch: { sentence: 'The cat sat on the mat. The cat sat on the chair, and the cat', every: 25 },
    weights: 'f32',
    output: '/home/run/out',
  })
})

test('what is given is kept; paths are relative to the file, one file needs no list', () => {
  const config = parse({
    ...least,
    tokenizer: '../tokenizer.json',
    data: { train: 'a.txt', validation: ['/data/b.jsonl'] },
    training: {
      steps: 3,
      batch: 2,
      context: 16,
      rate: 0.01,
      betas: [0.8, 0.9],
      schedule: 'constant',
      clip: 0,
    },
    watch: { sentence: 'A text', every: 7 },
    weights: 'f16',
  })
  expect(config.tokenizer).toBe('/home/tokenizer.json')
  expect(config.data).toEqual({ train: ['/home/run/a.txt'], validation: ['/data/b.jsonl'] })
  expect(config.training).toMatchObject({
    batch: 2,
    context: 16,
    rate: 0.01,
    minimumRate: 0.001,
    warmUp: 0,
    betas: [0.8, 0.9],
  })
  expect(config.watch).toEqual({ sentence: 'A text', every: 7 })
  expect(config.weights).toBe('f16')
})

describe('refused', () => {
  test.each<[string, unknown, string, string]>([
    ['a field with a slip', { ...least, trainig: {} }, 'trainig', "did you mean 'training'?"],
    [
      'a slip in the training options',
      { ...least, training: { steps: 1, warmup: 5 } },
      'training.warmup',
      "training.warmup to be one of the fields steps, batch, context, accumulation, rate, minimumRate, warmUp, schedule, decay, betas, epsilon, clip, dropout, separateDocuments, rematerialize, evaluateEvery, evaluationBatches, checkpointEvery, seed, found another; did you mean 'warmUp'?",
    ],
    [
      'a slip in the model',
      { ...least, model: { ...model, layer: 3 } },
      'model.layer',
      "did you mean 'layers'?",
    ],
    ['an unknown field', { ...least, zzzzzzzz: 1 }, 'zzzzzzzz', 'remove it'],
    ['no model', { ...least, model: undefined }, 'model', 'expected the field model, found none; add it'],
    ['a list', [], '', 'expected an object, found a list'],
    [
      'no files',
      { ...least, data: { train: [] } },
      'data.train',
      'data.train to be at least one file, found none',
    ],
    [
      'files that are none',
      { ...least, data: { train: [1] } },
      'data.train',
      'a list of texts, found a list',
    ],
    ['no steps', { ...least, training: {} }, 'training.steps', 'the field training.steps'],
    ['half a step', { ...least, training: { steps: 1.5 } }, 'training.steps', 'a whole number, found 1.5'],
    [
      'a text for a number',
      { ...least, training: { steps: '10' } },
      'training.steps',
      'a whole number from 1 to 1000000000, found "10"',
    ],
    [
      'a rate of 0',
      { ...least, training: { steps: 1, rate: 0 } },
      'training.rate',
      'a number above 0 to 10, found 0',
    ],
    [
      'dropout of all',
      { ...least, training: { steps: 1, dropout: 1 } },
      'training.dropout',
      'a number from 0 below 1',
    ],
    [
      'a lone beta',
      { ...least, training: { steps: 1, betas: [0.9] } },
      'training.betas',
      'a list of two numbers',
    ],
    [
      'a schedule with a slip',
      { ...least, training: { steps: 1, schedule: 'cosin' } },
      'training.schedule',
      'did you mean "cosine"?',
    ],
    [
      'more context than the model has',
      { ...least, training: { steps: 1, context: 129 } },
      'training.context',
      "at most the model's 128, found 129",
    ],
    [
      'a model that can not be',
      { ...least, model: { ...model, heads: 5 } },
      'model',
      'model to have a width that is a multiple of the 5 heads',
    ],
    [
      'no tokenizer',
      { ...least, tokenizer: undefined },
      'tokenizer',
      'the path of a tokenizer.json, or { "train": a vocabulary size }, found nothing',
    ],
    [
      'a small vocabulary',
      { ...least, tokenizer: { train: 10 } },
      'tokenizer.train',
      'a whole number from 257',
    ],
    [
      'a flag that is none',
      { ...least, training: { steps: 1, rematerialize: 'yes' } },
      'training.rematerialize',
      'true or false, found "yes"',
    ],
    ['an empty output', { ...least, output: '' }, 'output', 'output to be a text, found ""'],
  ])('%s', (_, config, field, message) => {
    const error = refusal(config)
    expect(error.field).toBe(field)
    expect(error.file).toBe('/home/run/config.json')
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('\n')
  })

  test('what is no JSON', () => {
    expect(() => parseTrainConfig('{"model": ', 'c.json')).toThrow(/^c\.json: expected JSON, found /)
  })
})

test('whatever the JSON, a configuration or one error', () => {
  const value = fc.jsonValue()
  fc.assert(
    fc.property(
      fc.oneof(
        value,
        fc.record({
          model: fc.oneof(fc.constant(model), value),
          tokenizer: value,
          data: value,
          training: value,
          output: value,
        }),
        fc.record({ training: value }).map(({ training }) => ({ ...least, training })),
      ),
      (config) => {
        try {
          expect(parse(config).training.steps).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      },
    ),
  )
})

test('the vocabulary is the tokenizer’s unless the model names one', () => {
  expect(completeModel(model, 777, 'c.json').vocabulary).toBe(777)
  expect(completeModel({ ...model, vocabulary: 1024 }, 777, 'c.json').vocabulary).toBe(1024)
})
