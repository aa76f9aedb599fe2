import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FormatError, UsageError } from '../base/index.js'
import { writableCaption, write } from '../generation/index.js'
import {
  encodeImage,
  imageFeatures,
  imageLogits,
  imageStates,
  loadModel,
  ofFamily,
  pairLogits,
  textFeatures,
} from '../models/index.js'
import { dispose, scope, sum, tensor, type Tensor, unitLength } from '../tensor/index.js'
import { type Picture, processPictures, readImageProcessor } from '../vision/index.js'
import { type Attention, pipeline, softmaxOf } from './index.js'
import { temporaryFolder, writeTiny } from './testing/tiny.js'

const { path: folder, remove } = temporaryFolder()
afterAll(remove)
const at = (name: string): string => join(folder, name)

/** A picture of stripes that a number tells from others. */
function picture(seed: number, height = 20, width = 28): Picture {
  const levels = Uint8Array.from({ length: 3 * height * width }, (_, i) => (i * (7 + seed) + 31 * seed) % 256)
  return { height, width, levels }
}

const sizes = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  image_size: 16,
  patch_size: 8,
}
const processor = {
  image_processor_type: 'ViTImageProcessor',
  size: { height: 16, width: 16 },
  resample: 3,
}
const imageProcessor = readImageProcessor(JSON.stringify(processor))

beforeAll(async () => {
  const make = async (name: string, config: object, own: object = processor): Promise<void> => {
    mkdirSync(at(name))
    await writeTiny(at(name), { ...config })
    writeFileSync(join(at(name), 'preprocessor_config.json'), JSON.stringify(own))
  }
  const labels = ['cat', 'dog', 'tree']
  await make('vit', {
    ...sizes,
    model_type: 'vit',
    architectures: ['ViTForImageClassification'],
    vocab_size: undefined,
    max_position_embeddings: undefined,
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  })
  const alone = Object.fromEntries(
    Object.keys({ ...sizes, vocab_size: 0, max_position_embeddings: 0 }).map((name) => [name, undefined]),
  )
  await make('clip', {
    ...alone,
    model_type: 'clip',
    architectures: ['CLIPModel'],
    projection_dim: 12,
    text_config: {
      model_type: 'clip_text_model',
      vocab_size: 160,
      hidden_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 24,
      max_position_embeddings: 20,
      eos_token_id: 3,
      bos_token_id: 2,
      pad_token_id: 0,
    },
    vision_config: { ...sizes, model_type: 'clip_vision_model' },
  })
  await make('captions', {
    ...alone,
    model_type: 'vision-encoder-decoder',
    architectures: ['VisionEncoderDecoderModel'],
    decoder_start_token_id: 2,
    pad_token_id: 0,
    eos_token_id: 3,
    encoder: { ...sizes, model_type: 'vit' },
    decoder: {
      model_type: 'gpt2',
      vocab_size: 160,
      n_positions: 24,
      n_embd: 16,
      n_layer: 2,
      n_head: 2,
      add_cross_attention: true,
      is_decoder: true,
      bos_token_id: 2,
      eos_token_id: 3,
    },
  })
})

const sums = (filter: Tensor<'head' | 'query' | 'key'>): number =>
  scope(() =>
    Math.max(
      ...sum(filter, 'key')
        .values(['head', 'query'])
        .map((one) => Math.abs(one - 1)),
    ),
  )

describe('image-classification', () => {
  test('labels by their scores, as the model gives them', async () => {
    const classify = await pipeline('image-classification', at('vit'))
    const pictures = [picture(1), picture(2), picture(3, 40, 16)]
    const found = await classify(pictures, { top_k: null })
    const { model, config } = ofFamily(classify.model, 'vision-encoder')
    for (const [i, own] of pictures.entries()) {
      const logits = scope(() =>
        imageLogits(model, config, imageStates(model, config, processPictures([own], imageProcessor))).values(
          ['batch', 'label'],
        ),
      )
      const scores = softmaxOf(logits)
      const expected = ['cat', 'dog', 'tree']
        .map((label, at) => ({ label, score: scores[at]! }))
        .sort((a, b) => b.score - a.score)
      expect(found[i]!.map(({ label }) => label)).toEqual(expected.map(({ label }) => label))
      found[i]!.forEach(({ score }, place) => expect(score).toBeCloseTo(expected[place]!.score, 5))
    }
    const [one] = await classify(picture(1), { top_k: 1 })
    expect(one!.label).toBe(found[0]![0]!.label)
    expect(classify.textOf('cat.png')).toBe('cat.png')
    expect(classify.textOf(picture(1))).toBe('a picture of 28 by 20 pixels')
    classify.dispose()
  })

  test('patches by row and column, and what they attended to', async () => {
    const classify = await pipeline('image-classification', at('vit'))
    const { attention } = await classify(picture(1), { attention: true })
    const { filters, labels, patches } = attention
    const name = 'blocks.1.attention.filter'
    expect(Object.keys(filters)).toEqual(['blocks.0.attention.filter', name])
    const positions = ['[class]', '1,1', '1,2', '2,1', '2,2']
    expect((labels as Record<string, unknown>)[name]).toEqual({ query: positions, key: positions })
    expect(patches).toMatchObject({ rows: 2, columns: 2, before: 1, keys: Object.keys(filters) })
    expect(patches!.picture).toMatchObject({ height: 16, width: 16 })
    expect(sums(filters[name]!)).toBeLessThan(1e-5)
    dispose(filters)
    classify.dispose()
  })

  test('a picture that can’t be read is an error of its own', async () => {
    const classify = await pipeline('image-classification', at('vit'))
    writeFileSync(at('text.png'), 'no picture')
    writeFileSync(at('drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
    const inputs = [
      at('text.png'),
      picture(1),
      at('none.png'),
      at('drawing.svg'),
      new Uint8Array(),
      7 as never,
    ]
    const found = await classify(inputs, { errors: 'return' })
    expect(found.map((one) => (one instanceof Error ? one.constructor : 'labels'))).toEqual([
      FormatError,
      'labels',
      FormatError,
      FormatError,
      FormatError,
      UsageError,
    ])
    await expect(classify(at('text.png'))).rejects.toThrow(/found text \('/)
    await expect(classify({ height: 1, width: 1, levels: new Uint8Array(1) })).rejects.toThrow(/3 levels/)
    await expect(classify(picture(1), { top_k: 0 })).rejects.toThrow(UsageError)
    await expect(classify(picture(1), { topk: 3 } as object)).rejects.toThrow(/top_k/)
    classify.dispose()
  })

  test('stops where a signal says so, and tells how far it is', async () => {
    const classify = await pipeline('image-classification', at('vit'))
    const stop = new AbortController()
    const shares: number[] = []
    const progress = (_: number, __: number, share: number): void => {
      shares.push(share)
      stop.abort(new Error('enough'))
    }
    const options = { signal: stop.signal, progress, batchTokens: 5 }
    await expect(classify([picture(1), picture(2)], options)).rejects.toThrow('enough')
    expect(shares).toEqual([0.5])
    classify.dispose()
  })
})

describe('zero-shot-image-classification', () => {
  const labels = ['cat', 'dog', 'park']

  test('the shares of labels, and an ensemble of templates', async () => {
    const classify = await pipeline('zero-shot-image-classification', at('clip'))
    const { model, config } = ofFamily(classify.model, 'dual-encoder')
    const expected = (templates: readonly string[]): Map<string, number> =>
      scope(() => {
        const vectors = labels.map((label) => {
          const own = templates.map((template) => {
            const { ids } = classify.tokenizer.encode(template.replace('{}', label))
            const batch = tensor(Int32Array.from(ids), { batch: 1, position: ids.length }, { dtype: 'i32' })
            return unitLength(textFeatures(model, config, batch), 'width').values(['batch', 'width'])
          })
          return own[0]!.map((_, i) => own.reduce((sum, one) => sum + one[i]!, 0) / own.length)
        })
        const texts = tensor(Float32Array.from(vectors.flatMap((one) => [...one])), { batch: 3, width: 12 })
        const pixels = processPictures([picture(1)], imageProcessor)
        const logits = pairLogits(model, imageFeatures(model, config, pixels), texts)
        const scores = softmaxOf(logits.values(['image', 'text']))
        return new Map(labels.map((label, i) => [label, scores[i]!]))
      })
    for (const templates of [['This is a photo of {}'], ['a {}', 'the {} in the park', '{}']]) {
      const found = await classify(picture(1), labels, {
        hypothesis_template: templates.length === 1 ? undefined : templates,
      })
      const shares = expected(templates)
      for (const { label, score } of found) expect(score).toBeCloseTo(shares.get(label)!, 5)
      expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a))
    }
    const several = await classify([picture(1), picture(2)], labels)
    expect(several.map((one) => one.length)).toEqual([3, 3])
    classify.dispose()
  })

  test('what patches and words attended to', async () => {
    const classify = await pipeline('zero-shot-image-classification', at('clip'))
    const { attention } = await classify(picture(1), labels, { attention: true, hypothesis_template: '{}' })
    const named = attention.labels as Record<string, { query: readonly string[] }>
    expect(Object.keys(attention.filters).sort()).toEqual(Object.keys(named).sort())
    expect(Object.values(named).map(({ query }) => query.length)).toContain(5)
    for (const [name, filter] of Object.entries(attention.filters)) {
      expect(filter.size('query'), name).toBe(named[name]!.query.length)
      expect(sums(filter)).toBeLessThan(1e-5)
    }
    dispose(attention.filters)
    await expect(classify(picture(1), [])).rejects.toThrow(UsageError)
    await expect(classify(picture(1), labels, { hypothesis_template: 'a cat' })).rejects.toThrow(/\{\} in it/)
    classify.dispose()
  })
})

test('image-feature-extraction: a vector of each patch, or of the whole', async () => {
  const extract = await pipeline('image-feature-extraction', at('vit'))
  const found = await extract([picture(1), picture(2)])
  expect(found.map(({ dims }) => dims.join())).toEqual(['1,5,16', '1,5,16'])
  expect((await extract(picture(1), { pool: true })).dims).toEqual([1, 16])
  const alone = await extract(picture(2))
  expect(Math.max(...alone.data.map((one, i) => Math.abs(one - found[1]!.data[i]!)))).toBeLessThan(1e-5)
  extract.dispose()
  const towers = await pipeline('image-feature-extraction', at('clip'))
  expect((await towers(picture(1))).dims).toEqual([1, 12])
  expect((await towers(picture(1), { pool: false })).dims).toEqual([1, 5, 16])
  towers.dispose()
  await expect(pipeline('image-feature-extraction', at('captions'))).rejects.toThrow(UsageError)
  await expect(pipeline('image-to-text', at('vit'))).rejects.toThrow(/family 'captioner'/)
})

describe('image-to-text', () => {
  test('texts as generation writes them, of a list one for each', async () => {
    const describes = await pipeline('image-to-text', at('captions'))
    const loaded = ofFamily(await loadModel(at('captions')), 'captioner')
    const pictures = [picture(1), picture(2), picture(5)]
    const found = await describes(pictures, { max_new_tokens: 6 })
    for (const [i, own] of pictures.entries()) {
      const pixels = processPictures([own], imageProcessor)
      const [made] = await write(writableCaption(loaded.model, loaded.config, pixels), [[2]], {
        tokens: 6,
        temperature: 0,
        stop: [3],
        tokenizer: loaded.tokenizer,
      })
      expect([i, found[i]![0]!.generated_text]).toEqual([i, made!.text.trim()])
      dispose(pixels)
    }
    const streamed: string[] = []
    const [one] = await describes(picture(1), {
      max_new_tokens: 6,
      streamer: (text) => streamed.push(text),
    })
    expect(one!.generated_text).toBe(found[0]![0]!.generated_text)
    expect(streamed.join('').trim()).toBe(one!.generated_text)
    const beams = await describes(picture(1), { max_new_tokens: 4, num_beams: 2, num_return_sequences: 2 })
    expect(beams).toHaveLength(2)
    dispose(loaded.model)
    describes.dispose()
  })

  test('each word, and the patches that it attended to', async () => {
    const describes = await pipeline('image-to-text', at('captions'))
    const { attention } = await describes(picture(1), { max_new_tokens: 3, attention: true })
    const { filters, labels, patches } = attention as Attention
    const named = labels as Record<string, { query: readonly string[]; key: readonly string[] }>
    const cross = 'decoder.blocks.1.crossAttention.filter'
    expect(patches!.keys).toContain(cross)
    expect(patches!.queries).not.toContain(cross)
    expect(named[cross]!.key).toEqual(['[class]', '1,1', '1,2', '2,1', '2,2'])
    const { query } = named['decoder.blocks.0.attention.filter']!
    expect(named[cross]!.query).toEqual(query)
    for (const [name, filter] of Object.entries(filters)) {
      expect([filter.size('query'), filter.size('key')], name).toEqual([
        named[name]!.query.length,
        named[name]!.key.length,
      ])
      expect(sums(filter)).toBeLessThan(1e-5)
    }
    const { model, config } = ofFamily(describes.model, 'captioner')
    const states = scope(() => encodeImage(model, config, processPictures([picture(1)], imageProcessor)))
    expect(states.size('position')).toBe(5)
    dispose(states)
    dispose(filters)
    describes.dispose()
  })
})
