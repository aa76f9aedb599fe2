import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HeedError, StateError, UsageError } from '../base/index.js'
import { loadModel } from '../models/index.js'
import { pipeline, type TextClassificationPipeline } from './index.js'
import { temporaryFolder, writeTiny } from './testing/tiny.js'

const labels = { 0: 'contradiction', 1: 'entailment', 2: 'neutral' }
const json = { architectures: ['BertForSequenceClassification'], id2label: labels }

const folder = temporaryFolder()
let classify: TextClassificationPipeline
beforeAll(async () => {
  await writeTiny(folder.path, json)
  classify = await pipeline('text-classification', folder.path)
})
afterAll(() => {
  classify.dispose()
  folder.remove()
})

describe('what a call gives', () => {
  test('of one text a list, of a list a label for each, as transformers.js has it', async () => {
    const one = await classify('The cat sat.')
    expect(one.map(({ label }) => label).join()).toMatch(/^(contradiction|entailment|neutral)$/)
    const many = await classify(['The cat sat.', 'A dog'])
    expect(many.length).toBe(2)
    expect(many[0]).toEqual(one[0])
    const all = await classify('The cat sat.', { top_k: null })
    expect(all.map(({ label }) => label).sort()).toEqual(Object.values(labels))
    expect(all.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 9)
    expect(all[0]!.score).toBe(one[0]!.score)
    const two = await classify(['The cat sat.', 'A dog'], { top_k: 2 })
    expect(two.map((found) => found.length)).toEqual([2, 2])
  })

  test('a pair is read together', async () => {
    const pair = { text: 'The cat sat.', text_pair: 'A dog runs.' }
    const [found] = await classify(pair)
    const [joined] = await classify('The cat sat. A dog runs.')
    expect(found!.score).not.toBe(joined!.score)
    expect(classify.textOf(pair)).toBe('The cat sat.\nA dog runs.')
  })

  test('attention: filters whose rows sum to 1, labelled by the tokens', async () => {
    const found = await classify({ text: 'The cat', text_pair: 'A dog' }, { attention: true })
    const { filters, labels, tokens } = found.attention
    expect(labels).toEqual(['[CLS]', 'the', 'c', 'at', '[SEP]', 'a', 'd', 'o', 'g', '[SEP]'])
    expect(tokens!.map(({ sequence }) => sequence)).toEqual([-1, 0, 0, 0, -1, 1, 1, 1, 1, -1])
    const places = tokens!.map(({ start, end }) => `${start}-${end}`)
    expect(places.join(' ')).toBe('0-0 0-3 4-5 5-7 0-0 0-1 2-3 3-4 4-5 0-0')
    expect(tokens!.map(({ word }) => word).join()).toBe('-1,0,1,1,-1,0,1,1,1,-1')
    expect(Object.keys(filters)).toEqual(['blocks.0.attention.filter', 'blocks.1.attention.filter'])
    for (const filter of Object.values(filters)) {
      const weights = [...filter.values(['head', 'query', 'key'])]
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(2 * 10, 4)
    }
    expect(JSON.stringify(found)).not.toContain('attention')
  })
})

test('batches change nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 60 }),
      async (texts, batchTokens) => {
        const together = await classify(texts, { batchTokens, top_k: null })
        for (const [i, text] of texts.entries()) {
          const alone = await classify(text, { top_k: null })
          expect(together[i]!.map(({ score }) => score).join()).toBe(alone.map(({ score }) => score).join())
        }
      },
    ),
    { numRuns: 10 },
  )
})

describe('labels by the configuration', () => {
  test.each([
    [{ problem_type: 'multi_label_classification', num_labels: 2 }, 'LABEL_'],
    [{ num_labels: 1 }, 'LABEL_0'],
  ])('%j: each label has its own probability', async (more, name) => {
    const other = temporaryFolder()
    try {
      await writeTiny(other.path, { architectures: json.architectures, ...more })
      const sigmoid = await pipeline('sentiment-analysis', other.path)
      const found = await sigmoid('The cat', { top_k: null })
      const logits = await sigmoid('The cat', { top_k: null, function_to_apply: 'none' })
      expect(found[0]!.label).toContain(name)
      expect(found[0]!.score).toBeCloseTo(1 / (1 + Math.exp(-logits[0]!.score)), 12)
      sigmoid.dispose()
    } finally {
      other.remove()
    }
  })
})

describe('long lists', () => {
  test('progress, and other work between batches', async () => {
    const told: number[] = []
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const texts = Array.from({ length: 60 }, (_, i) => `The cat sat. ${'A dog runs. '.repeat(i % 7)}`)
    const found = await classify(texts, { batchTokens: 40, progress: (done) => told.push(done) })
    clearInterval(timer)
    expect(found.length).toBe(60)
    expect(told.at(-1)).toBe(60)
    expect(told.join()).toBe([...told].sort((a, b) => a - b).join())
    expect(turns).toBeGreaterThan(0)
  })

  test('a signal stops it with its reason', async () => {
    const stop = new AbortController()
    const texts = Array.from({ length: 50 }, () => 'The cat sat.')
    const reason = new Error('enough')
    const call = classify(texts, {
      batchTokens: 10,
      signal: stop.signal,
      progress: (done) => done === 5 && stop.abort(reason),
    })
    await expect(call).rejects.toBe(reason)
    await expect(classify('The cat', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/)
  })
})

describe('bad input', () => {
  const bad = [3, null, { text: 'The cat' }, ['nested']] as unknown as string[]

  test('an error for each, in the place of its result, and the others done', async () => {
    const found = await classify(['The cat', ...bad, 'A dog'], { errors: 'return' })
    expect(found.map((one) => one instanceof HeedError)).toEqual([false, true, true, true, true, false])
    expect(found[1]).toBeInstanceOf(UsageError)
    expect((found[1] as HeedError).message).toMatch(
      /text-classification: expected the input to be a text, found 3/,
    )
    await expect(classify(['The cat', ...bad])).rejects.toThrow(UsageError)
  })

  test.each([
    ['an empty text', ''],
    ['one emoji', '🎉'],
    ['lone surrogates', '\ud800 \udc00'],
    ['10⁶ characters', 'The cat sat. '.repeat(77_000)],
    ['one word of 10⁶ characters', 'x'.repeat(1_000_000)],
  ])('%s gives labels', async (_, text) => {
    const [found] = await classify(text)
    expect(found!.score).toBeGreaterThan(1 / 3)
  })

  test('what the model has no room for is told, in UTF-16 units at the end', async () => {
    const sentence = 'The cat sat on the mat. '
    const long = sentence.repeat(50)
    const read = async (input: string | { text: string; text_pair: string }): Promise<number> =>
      (await classify(input))[0]!.unread ?? 0
    expect(await read(sentence.repeat(3))).toBe(0)
    expect('unread' in (await classify(sentence))[0]!).toBe(false)
    const unread = await read(long)
    const [part] = await classify(long.slice(0, long.trimEnd().length - unread))
    expect(part).toEqual({ label: part!.label, score: (await classify(long))[0]!.score })
    expect(await read(long.repeat(800))).toBe(unread + long.length * 799)
    const both = await read({ text: long, text_pair: sentence })
    expect(both).toBeGreaterThan(unread)
    expect(both).toBeLessThan(long.length)
    const sort = await pipeline('zero-shot-classification', classify.model)
    const [short, cut] = await sort([sentence, long], ['play', 'a long name of a label'])
    expect('unread' in short!).toBe(false)
    expect(cut!.unread).toBeGreaterThan(unread)
  })

  test.each([
    [{ top_k: 0 }, /top_k/],
    [{ topk: 3 }, /did you mean 'top_k'/],
    [{ errors: 'ignore' }, /errors/],
    [{ batchTokens: 0 }, /batchTokens/],
    [{ function_to_apply: 'tanh' }, /function_to_apply/],
  ])('%j is refused', async (options, message) => {
    await expect(classify('The cat', options as never)).rejects.toThrow(message)
  })
})

describe('the model', () => {
  test('one that was loaded stays when the pipeline goes', async () => {
    const loaded = await loadModel(folder.path)
    const first = await pipeline('text-classification', loaded)
    const [before] = await first('The cat')
    first.dispose()
    await expect(first('The cat')).rejects.toThrow(StateError)
    const [after] = await (await pipeline('text-classification', loaded))('The cat')
    expect(after).toEqual(before)
  })

  test('weights in fewer bits, as loadModel reads them', async () => {
    const half = await pipeline('text-classification', folder.path, { weights: 'bf16' })
    const [exact, near] = [await classify('A dog runs.'), await half('A dog runs.')]
    expect(Math.abs(near[0]!.score - exact[0]!.score)).toBeLessThan(0.05)
    expect(near[0]!.score).not.toBe(exact[0]!.score)
    half.dispose()
  })

  test('calls at the same time give what they give alone', async () => {
    const texts = ['The cat sat.', 'A dog runs in the park.', 'Paris']
    const together = await Promise.all(texts.map((text) => classify(text)))
    for (const [i, text] of texts.entries()) expect(together[i]).toEqual(await classify(text))
  })

  test('refused: a task that isn’t known, no model, a model without the head', async () => {
    await expect(pipeline('text-clasification' as never)).rejects.toThrow(
      /did you mean 'text-classification'/,
    )
    await expect(pipeline('fill-mask')).rejects.toThrow(/none is shipped for this task/)
    // transformers.js' name for the numbers that weights are in.
    await expect(pipeline('text-classification', folder.path, { dtype: 'q8' } as never)).rejects.toThrow(
      /expected the numbers of matrices as weights, found dtype the text "q8"; write \{ weights: 'int8' \}/,
    )
    for (const wrong of [null, true, 5, {}, [], new URL('file:///models')])
      await expect(pipeline('text-classification', wrong as never)).rejects.toThrow(
        /pipeline: expected a path or a model that loadModel gave, found/,
      )
    for (const wrong of [null, 5, [], 'f32', { adapter: 5 }])
      for (const model of [folder.path, undefined])
        await expect(pipeline('text-classification', model, wrong as never)).rejects.toThrow(UsageError)
    await expect(pipeline('text-classification', folder.path, { weights: 'foo' as never })).rejects.toThrow(
      'weights, one of f32, stored, bf16, int8, int4, found the text "foo"',
    )
    const other = temporaryFolder()
    try {
      await writeTiny(other.path, { architectures: ['BertForMaskedLM'] })
      await expect(pipeline('text-classification', other.path)).rejects.toThrow(
        /ForSequenceClassification.*'bert' for MaskedLM/,
      )
    } finally {
      other.remove()
    }
  })

  test('an adapter that isn’t there, and one on the folder of another', async () => {
    const adapted = temporaryFolder()
    try {
      const config = JSON.stringify({ base_model_name_or_path: folder.path })
      writeFileSync(join(adapted.path, 'adapter_config.json'), config)
      writeFileSync(join(adapted.path, 'adapter_model.safetensors'), '')
      for (const model of [folder.path, adapted.path])
        await expect(pipeline('text-classification', model, { adapter: '/nope' })).rejects.toThrow(
          "in the folder of an adapter, '/nope', found no such folder",
        )
      await expect(pipeline('text-classification', adapted.path, { adapter: adapted.path })).rejects.toThrow(
        `name the model below it, '${folder.path}'`,
      )
    } finally {
      adapted.remove()
    }
  })
})

test('a model of another family is refused by the task, which says what the model is', async () => {
  await expect(pipeline('text-generation', folder.path)).rejects.toThrow(
    "text-generation: expected a model of the family 'decoder', found 'bert', of the family 'encoder'; " +
      'take another model, or a task that encoders do',
  )
})
