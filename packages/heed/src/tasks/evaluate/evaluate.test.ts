import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomKey, uniformAt } from '../../base/index.js'
import { scoreOf, writable } from '../../generation/index.js'
import { loadLateInteraction, loadModel, loadSentenceEncoder, vectorSimilarity } from '../../models/index.js'
import { bm25Index, termsOf, topOf } from '../../search/index.js'
import { pipeline } from '../index.js'
import { spearman } from '../metrics/index.js'
import { temporaryFolder, writeTiny } from '../testing/tiny.js'
import { textOf, tinyDecoder } from './testing/records.js'
import {
  classBaselines,
  evaluate,
  type EvaluateOptions,
  type EvaluationScore,
  evaluationOf,
  firstSentence,
  measureChoice,
  measureClassification,
  measurePerplexity,
  measureSearch,
  measureSimilarity,
  openTask,
  searchCollection,
  slidingWindowAnswer,
} from './index.js'

const folder = temporaryFolder()
const path = (name: string): string => join(folder.path, name)
const classes = ['contradiction', 'entailment', 'neutral']
const fast: EvaluateOptions = { samples: 200 }

beforeAll(async () => {
  for (const name of ['classes', 'tokens', 'plain', 'answers']) mkdirSync(path(name))
  await writeTiny(path('classes'), {
    architectures: ['BertForSequenceClassification'],
    id2label: { ...classes },
  })
  await writeTiny(path('tokens'), {
    architectures: ['BertForTokenClassification'],
    id2label: { 0: 'O', 1: 'B-PER', 2: 'I-PER', 3: 'B-LOC' },
  })
  await writeTiny(path('answers'), { architectures: ['BertForQuestionAnswering'] })
  await writeTiny(path('plain'), { architectures: ['BertModel'] })
})
afterAll(() => folder.remove())

function scoreNamed(scores: readonly EvaluationScore[], metric: string): EvaluationScore {
  return scores.find((score) => score.metric === metric)!
}

const pairs = Array.from({ length: 60 }, (_, i) => ({ text: textOf(i), pair: textOf(i + 1000, 3) }))

describe('classification', () => {
  test('a model is right about what the pipeline calls it, and wrong about the rest', async () => {
    const classify = await pipeline('text-classification', path('classes'))
    const called = await classify(pairs.map(({ text, pair }) => ({ text, text_pair: pair })))
    // Every fourth label is another one.
    const records = pairs.map((pair, i) => {
      const { label } = called[i]!
      const other = classes.find((name) => name !== label)!
      return { ...pair, label: i % 4 === 0 ? other : label.toUpperCase() }
    })
    const found = await evaluate(path('classes'), 'text-classification', records, fast)
    const accuracy = scoreNamed(found.scores, 'accuracy')
    expect([accuracy.value, accuracy.count]).toEqual([0.75, 60])
    expect(accuracy.low < 0.75 && accuracy.low > 0.6 && accuracy.high > 0.75 && accuracy.high < 0.9).toBe(
      true,
    )
    expect(accuracy.beside.map(({ name }) => name)).toEqual([
      'majority',
      'hypothesis only',
      'overlap',
      'words and overlap',
    ])
    for (const { value, difference } of accuracy.beside)
      expect(difference.value).toBeCloseTo(accuracy.value - value, 12)
    const { confusion, labels } = found.details as { confusion: number[][]; labels: string[] }
    expect(labels).toEqual(classes)
    expect(confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(60)
    expect(classes.reduce((sum, _, i) => sum + confusion[i]![i]!, 0)).toBe(45)
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    // The same seed gives the same intervals.
    expect(await evaluate(path('classes'), 'text-classification', records, fast)).toEqual(found)
  })

  test('labels are names or numbers; others are refused', async () => {
    const model = await loadModel(path('classes'))
    const named = await measureClassification(model, [{ text: 'a cat', label: 'Neutral' }], {})
    const numbered = await measureClassification(model, [{ text: 'a cat', label: 2 }], {})
    expect(named.details).toEqual(numbered.details)
    await expect(measureClassification(model, [{ text: 'a cat', label: 'sure' }])).rejects.toThrow(
      `expected records with a label of the model's: contradiction, entailment, neutral, found the text "sure"`,
    )
    await expect(measureClassification(model, [{ text: 'a cat' }])).rejects.toThrow(
      'found one without a label; say in fields',
    )
    await expect(measureClassification(model, [{ label: 0 }])).rejects.toThrow("a text 'text'")
    await expect(evaluate(path('plain'), 'text-classification', [])).rejects.toThrow('a head for it')
    await expect(evaluate(path('classes'), 'text-clasification', [])).rejects.toThrow(
      "did you mean 'text-classification'?",
    )
  })

  test('a signal stops it', async () => {
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    const records = pairs.map((pair) => ({ ...pair, label: 0 }))
    await expect(
      evaluate(path('classes'), 'text-classification', records, { signal: controller.signal }),
    ).rejects.toThrow('enough')
  })
})

describe('baselines of classes', () => {
  const share = (found: readonly number[], labels: readonly number[]): number =>
    found.filter((label, i) => label === labels[i]).length / labels.length

  test('a word of the second text gives its class away; the first says nothing', () => {
    const examples = Array.from({ length: 300 }, (_, i) => ({
      text: textOf(i),
      pair: `${textOf(i + 5000, 2)} ${['alone', 'outside', 'perhaps'][i % 3]}`,
      label: i % 3,
    }))
    const found = classBaselines(examples, 3)
    const labels = examples.map(({ label }) => label)
    expect(share(found['hypothesis only']!, labels)).toBeGreaterThan(0.97)
    expect(share(found['overlap']!, labels)).toBeLessThan(0.5)
    expect(share(found['majority']!, labels)).toBeLessThan(0.4)
  })

  test('what both texts share is seen by overlap alone', () => {
    const examples = Array.from({ length: 300 }, (_, i) => {
      const text = textOf(i, 8)
      return {
        text,
        pair: i % 2 === 0 ? text.split(' ').slice(2, 6).join(' ') : textOf(i + 900, 4),
        label: i % 2,
      }
    })
    const found = classBaselines(examples, 2)
    const labels = examples.map(({ label }) => label)
    expect(share(found['overlap']!, labels)).toBeGreaterThan(0.95)
    expect(share(found['hypothesis only']!, labels)).toBeLessThan(0.65)
  })

  test('nothing is learned of the text that is judged', () => {
    // Each text has a label of chance, three times: what is learned by heart would be right.
    const examples = Array.from({ length: 150 }, (_, i) => ({
      text: `${textOf(Math.floor(i / 3))} only${Math.floor(i / 3)}`,
      label: uniformAt(randomKey(9), Math.floor(i / 3)) < 0.5 ? 0 : 1,
    }))
    const found = classBaselines(examples, 2)
    expect(
      share(
        found['bag of words']!,
        examples.map(({ label }) => label),
      ),
    ).toBeLessThan(0.75)
    const learned = classBaselines(examples, 2, examples)
    expect(
      share(
        learned['bag of words']!,
        examples.map(({ label }) => label),
      ),
    ).toBe(1)
  })
})

describe('similarity', () => {
  test('a model agrees with its own cosines', async () => {
    const encoder = await loadSentenceEncoder(path('plain'))
    const vectors = encoder.encode(pairs.flatMap(({ text, pair }) => [text, pair]))
    const records = pairs.map((pair, i) => ({
      ...pair,
      score: 5 * vectorSimilarity(vectors[2 * i]!, vectors[2 * i + 1]!),
    }))
    const measured = await measureSimilarity(encoder, records)
    const { scores } = await evaluationOf(measured, fast)
    expect(scores.map(({ metric, value }) => `${metric} ${value.toFixed(6)}`)).toEqual([
      'Spearman 1.000000',
      'Pearson 1.000000',
    ])
    expect(scores[0]!.beside.map(({ name }) => name)).toEqual(['averaged embeddings', 'overlap'])
    const short = await measureSimilarity(encoder, records, { dimensions: 4 })
    const all = Uint32Array.from(records, (_, i) => i)
    expect(short.own.metrics['Spearman']!(all)).toBeLessThan(1)
    const reached = async (format: 'int8' | 'binary'): Promise<number> =>
      (await measureSimilarity(encoder, records, { vectors: format })).own.metrics['Spearman']!(all)
    expect(await reached('int8')).toBeGreaterThan(0.99)
    const bits = vectors.map((vector) => vector.map((value) => (value > 0 ? 1 : -1)))
    const signs = records.map((_, i) => vectorSimilarity(bits[2 * i]!, bits[2 * i + 1]!))
    const gold = records.map(({ score }) => score)
    expect(await reached('binary')).toBeCloseTo(spearman(signs, gold), 12)
    await expect(measureSimilarity(encoder, [{ text: 'a', pair: 'b' }])).rejects.toThrow("a number 'score'")
  })
})

describe('search', () => {
  const records = Array.from({ length: 40 }, (_, i) => ({
    question: `where is number${i} ?`,
    context: `${textOf(i)} number${i} ${textOf(i + 77)}`,
  }))

  test('a rare word is found by BM25', async () => {
    const some = await measureSearch('bm25', records, { queries: 3 })
    expect([some.count, some.details['documents']]).toEqual([3, searchCollection(records).documents.length])
    const { scores } = await evaluationOf(await measureSearch('bm25', records), fast)
    expect(scores.map(({ value }) => value)).toEqual([1, 1, 1, 1, 1])
    expect(scores[0]!.beside).toEqual([])
  })

  test('beside a model there is BM25, and both together', async () => {
    const encoder = await loadSentenceEncoder(path('plain'))
    const measured = await measureSearch(encoder, records)
    const { scores, details } = await evaluationOf(measured, fast)
    expect(scores[0]!.beside.map(({ name }) => name)).toEqual(['BM25', 'fused with BM25'])
    expect(scores[0]!.value).toBeLessThan(1)
    expect(details).toEqual({ documents: 40 })
  })

  test('late interaction ranks anew what BM25 finds first', async () => {
    const model = await loadLateInteraction(path('plain'))
    const measured = await measureSearch(model, records, { depth: 5 })
    const { scores, details } = await evaluationOf(measured, fast)
    expect(details).toEqual({ documents: 40, reranked: 5 })
    expect(scores[0]!.beside.map(({ name }) => name)).toEqual(['BM25'])
    const { documents, queries } = searchCollection(records)
    const index = bm25Index(documents.map(termsOf(model.loaded.tokenizer)))
    const gains = queries.map(({ text }, i) => {
      const first = topOf(index.scores({ ids: termsOf(model.loaded.tokenizer)(text) }), 100)
      const texts = first.slice(0, 5).map(({ document }) => documents[document]!)
      const again = model.rank(text, texts).map(({ document }) => first[document]!.document)
      return [...again, ...first.slice(5).map(({ document }) => document)].indexOf(i)
    })
    const reached = gains.filter((place) => place === 0).length / 40
    expect(scores.find(({ metric }) => metric === 'recall@1')!.value).toBeCloseTo(reached, 12)
    await expect(openTask(path('plain'), 'sentence-similarity', { as: 'late' })).rejects.toThrow('no sides')
  })

  test('a cross-encoder may rank anew what an encoder and BM25 find', async () => {
    const [encoder, model] = [
      await loadSentenceEncoder(path('plain')),
      await loadLateInteraction(path('plain')),
    ]
    const measured = await measureSearch(model, records, { depth: 1, first: encoder })
    const { scores } = await evaluationOf(measured, fast)
    const alone = await evaluationOf(await measureSearch(encoder, records), fast)
    // With one document there is nothing to put in another order.
    const [ndcg] = scores
    const fused = alone.scores[0]!.beside.find(({ name }) => name === 'fused with BM25')!
    expect(ndcg!.value).toBe(fused.value)
    expect(ndcg!.beside.map(({ name }) => name)).toEqual(['BM25', 'first stage', 'fused with BM25'])
    expect(ndcg!.beside[1]!.value).toBe(alone.scores[0]!.value)
    // What is done to the model is not done to the other one.
    const calls = async (first?: typeof encoder): Promise<number> => {
      let count = 0
      const around = <T>(work: () => T): T => (count++, work())
      await measureSearch(model, records, { depth: 40, first, around })
      return count
    }
    expect(await calls(encoder)).toBe(await calls())
    // Measured again, what is found first is looked for once.
    let encodings = 0
    const counting = Object.assign(await loadSentenceEncoder(path('plain')), {
      encode: (...given: Parameters<typeof encoder.encode>) => (encodings++, encoder.encode(...given)),
    })
    const kept = new WeakMap()
    const first = await evaluationOf(await measureSearch(model, records, { first: counting, kept }), fast)
    const before = encodings
    expect(before).toBeGreaterThan(0)
    const again = await evaluationOf(await measureSearch(model, records, { first: counting, kept }), fast)
    expect([encodings, again.scores]).toEqual([before, first.scores])
    await measureSearch(model, records, { first: counting, kept, queries: 2 })
    expect(encodings).toBeGreaterThan(before)
    await expect(measureSearch(encoder, records, { first: encoder })).rejects.toThrow('searches by itself')
  })

  test('collections of all kinds of records', () => {
    const twice = searchCollection([...records, { question: 'again?', context: records[3]!.context }])
    expect([twice.documents.length, twice.queries.length]).toEqual([40, 40])
    const all = searchCollection([...records, { question: 'again?', context: records[3]!.context }], 'all')
    expect([...all.queries[40]!.gains]).toEqual([[3, 1]])
    const own = searchCollection([
      { query: 'x', documents: ['a', 'b', 'c'], relevant: [1, 2] },
      { query: 'y', documents: ['c', 'd'], relevant: 0 },
    ])
    expect(own.documents).toEqual(['a', 'b', 'c', 'd'])
    expect(own.queries.map(({ among, gains }) => [among, [...gains.keys()]])).toEqual([
      [
        [0, 1, 2],
        [1, 2],
      ],
      [[2, 3], [2]],
    ])
    const contrasts = searchCollection([{ text: 'q', positive: 'a', negatives: ['b', 'c'] }])
    expect(contrasts.documents).toEqual(['a', 'b', 'c'])
    expect(() => searchCollection([{ query: 'x', documents: ['a'], relevant: [1] }])).toThrow("'relevant'")
    expect(() => searchCollection([{ text: 'x' }])).toThrow("'relevant'")
  })
})

describe('tokens', () => {
  test('a model is right about its own labels', async () => {
    const opened = await openTask(path('tokens'), 'token-classification')
    const records = pairs.map(({ text }) => ({
      words: text.split(' '),
      labels: text.split(' ').map(() => 'O'),
    }))
    const all = Uint32Array.from(records, (_, i) => i)
    const measured = await opened.measure(records)
    const share = measured.own.metrics['accuracy']!(all)
    expect(share).toBeGreaterThan(0)
    expect(share).toBeLessThan(1)
    expect(measured.own.metrics['entity F1']!(all)).toBe(0)
    const [frequent] = measured.baselines()
    expect(frequent!.metrics['accuracy']!(all)).toBe(1)
    await expect(opened.measure([{ words: ['a', 'b'], labels: ['O'] }])).rejects.toThrow(
      'expected a label for each of the 2 words, found 1',
    )
  })
})

describe('answers', () => {
  const asked = Array.from({ length: 24 }, (_, i) => ({
    question: textOf(i + 300, 3),
    context: textOf(i, 40),
  }))

  test('a model is right about what the pipeline answers', async () => {
    const answer = await pipeline('question-answering', path('answers'))
    const found = await answer(asked, { max_answer_len: 30, handle_impossible_answer: false })
    const records = asked.map((one, i) => {
      const { answer: text, start } = found[i]!
      return { ...one, answers: i % 4 === 0 ? [{ text: 'elsewhere', start: 0 }] : [{ text, start }] }
    })
    const { scores, details } = await evaluate(path('answers'), 'question-answering', records, fast)
    expect(scores.map(({ metric }) => metric)).toEqual(['F1', 'exact'])
    expect(scores[1]!.value).toBe(0.75)
    expect(scores[0]!.beside.map(({ name }) => name)).toEqual(['sliding window', 'first sentence'])
    expect(details).toEqual({})
  })

  test('where some question has no answer, none is one', async () => {
    const opened = await openTask(path('answers'), 'question-answering')
    const records = asked.map((one, i) => ({
      ...one,
      answers: i % 2 === 0 ? [] : [{ text: 'dog', start: 0 }],
    }))
    const measured = await opened.measure(records)
    const all = Uint32Array.from(records, (_, i) => i)
    const details = measured.details as Record<string, number>
    expect(measured.own.metrics['exact']!(all)).toBeCloseTo(details['exact']!, 12)
    expect(details['threshold']).toBe(0)
    expect(details['bestExact']!).toBeGreaterThanOrEqual(0.5)
    const [none] = measured.baselines()
    expect([none!.name, none!.metrics['F1']!(all)]).toEqual(['no answer', 0.5])
    await expect(opened.measure([{ question: 'a', context: 'b', answers: ['c'] }])).rejects.toThrow(
      "'answers'",
    )
  })

  test('without a model: the words beside those of the question', () => {
    const context =
      'Mr. Smith and Dr. Jones met in Vienna in 1913. The bridge was built by Anna Maria Berg between 1920 and 1931. ' +
      'It cost twelve million crowns, and (so they say) a horse.'
    expect(firstSentence(context)).toBe('Mr. Smith and Dr. Jones met in Vienna in 1913.')
    const answers = [
      'Who built the bridge?',
      'When did Smith and Jones meet?',
      'How many crowns did it cost?',
    ].map((question) => slidingWindowAnswer(question, context))
    expect(answers).toEqual(['Anna Maria Berg', '1913', 'twelve million'])
    expect(slidingWindowAnswer('What?', '')).toBe('')
  })
})

describe('likelihood', () => {
  test('perplexity is that of generation, in one window', async () => {
    const loaded = await tinyDecoder(path('plain'))
    const texts = [textOf(1, 4), textOf(2, 5)]
    const measured = await measurePerplexity(
      loaded,
      texts.map((text) => ({ text })),
    )
    // [CLS] stands in front; the [SEP] behind is none of the text.
    const ids = texts.map((text) => [...loaded.tokenizer.encode(text).ids].slice(0, -1))
    const scores = await scoreOf(
      writable(loaded.model, loaded.config),
      ids.map(([first]) => [first!]),
      ids.map((row) => row.slice(1)),
    )
    const sum = scores.reduce((total, { logProbability }) => total + logProbability, 0)
    const tokens = ids.reduce((total, row) => total + row.length - 1, 0)
    const bytes = texts.join('').length
    const all = Uint32Array.from([0, 1])
    expect(measured.own.metrics['perplexity']!(all)).toBeCloseTo(Math.exp(-sum / tokens), 3)
    expect(measured.own.metrics['bits per byte']!(all)).toBeCloseTo(-sum / Math.LN2 / bytes, 4)
    expect(measured.details).toEqual({ tokens, bytes, window: 24, stride: 12 })
  })

  test('a long text is read in windows that score each token once', async () => {
    const loaded = await tinyDecoder(path('plain'))
    const text = textOf(5, 30)
    const measured = await measurePerplexity(loaded, [{ text }], { window: 16, stride: 5 })
    const ids = [...loaded.tokenizer.encode(text, { truncation: null }).ids].slice(0, -1)
    let [sum, done, windows] = [0, 1, 0]
    const how = writable(loaded.model, loaded.config)
    while (done < ids.length) {
      const end = Math.min(ids.length, done === 1 ? 16 : done + 5)
      const before = ids.slice(Math.max(0, end - 16), done)
      const [score] = await scoreOf(how, [before], [ids.slice(done, end)])
      sum += score!.logProbability
      done = end
      windows++
    }
    const all = Uint32Array.from({ length: windows }, (_, i) => i)
    expect(measured.count).toBe(windows)
    expect(measured.own.metrics['perplexity']!(all)).toBeCloseTo(Math.exp(-sum / (ids.length - 1)), 3)
    const { tokens, bytes } = measured.details
    // But for spaces between windows.
    expect([tokens, Number(bytes) <= text.length, Number(bytes) > text.length - windows]).toEqual([
      ids.length - 1,
      true,
      true,
    ])
  })

  test('the likeliest choice', async () => {
    const loaded = await tinyDecoder(path('plain'))
    const records = Array.from({ length: 12 }, (_, i) => ({
      prompt: textOf(i, 2),
      choices: [` ${textOf(i + 50, 1)}`, ` ${textOf(i + 60, 3)}`, ` ${textOf(i + 70, 2)}`],
      answer: i % 3,
    }))
    const measured = await measureChoice(loaded, records)
    const right = []
    for (const { prompt, choices, answer } of records) {
      const before = [...loaded.tokenizer.encode(prompt).ids].slice(0, -1)
      const rest = choices.map((choice) =>
        [...loaded.tokenizer.encode(prompt + choice).ids].slice(before.length, -1),
      )
      const scores = await scoreOf(
        writable(loaded.model, loaded.config),
        rest.map(() => before),
        rest,
      )
      const logs = scores.map(({ logProbability }) => logProbability)
      right.push(logs.indexOf(Math.max(...logs)) === answer ? 1 : 0)
    }
    const all = Uint32Array.from(records, (_, i) => i)
    expect(measured.own.metrics['accuracy']!(all)).toBeCloseTo(
      right.reduce<number>((a, b) => a + b, 0) / 12,
      12,
    )
    expect(measured.baselines().map(({ name }) => name)).toEqual(['chance', 'longest'])
    await expect(measureChoice(loaded, [{ prompt: 'a', choices: ['b', 'c'], answer: 2 }])).rejects.toThrow(
      "'answer'",
    )
    await expect(evaluate(path('plain'), 'perplexity', [{ text: 'a' }])).rejects.toThrow('which reads')
  })
})
