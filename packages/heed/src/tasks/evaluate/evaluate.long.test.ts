import { describe, expect, test } from 'vitest'
import { loadModel } from '../../models/index.js'
import { hasReal, readReal, realNote, weightsFolder } from '../../models/testing/real.js'
import { loadRecords } from '../../train/index.js'
import { squadExact, squadF1 } from '../metrics/index.js'
import {
  classBaselines,
  type EvaluationScore,
  evaluationOf,
  firstSentence,
  openTask,
  slidingWindowAnswer,
} from './index.js'

const minutes = 60_000
const data = (...names: string[]): string => ['$HEED_SHARED', 'data', ...names].join('/')
const valueOf = (scores: readonly EvaluationScore[], metric: string, beside?: string): number => {
  const score = scores.find((one) => one.metric === metric)!
  return beside === undefined ? score.value : score.beside.find(({ name }) => name === beside)!.value
}
const few = { samples: 200 }

describe(`real weights (${realNote})`, () => {
  test.skipIf(!hasReal('minilm', 'all-MiniLM-L6-v2'))(
    'all-MiniLM-L6-v2 at the STS benchmark, beside what needs no layer',
    async () => {
      const records = await loadRecords({
        path: data('stsb', 'dev.csv.gz'),
        columns: ['text', 'pair', 'score'],
      })
      const opened = await openTask(weightsFolder('all-MiniLM-L6-v2'), 'sentence-similarity')
      const { scores } = await evaluationOf(await opened.measure(records), few)
      const { json } = readReal<{ stsb_dev_spearman: number }>('minilm')
      expect(Math.abs(valueOf(scores, 'Spearman') - json.stsb_dev_spearman)).toBeLessThan(0.001)
      expect(valueOf(scores, 'Spearman', 'averaged embeddings')).toBeCloseTo(0.786, 2)
      expect(valueOf(scores, 'Spearman', 'overlap')).toBeCloseTo(0.725, 2)
    },
    20 * minutes,
  )

  test.skipIf(!hasReal('search', 'splade-tiny'))(
    'splade-tiny at search, beside BM25',
    async () => {
      const records = await loadRecords({ path: data('squad', 'dev-v1.1.jsonl.gz'), format: 'squad' })
      const opened = await openTask(weightsFolder('splade-tiny'), 'search')
      const { scores } = await evaluationOf(await opened.measure(records), few)
      const { json } = readReal<{ figures: Record<string, { all: Record<string, number> }> }>('search')
      for (const metric of ['nDCG@10', 'MRR@10', 'recall@1', 'recall@10', 'recall@100']) {
        const [sparse, words] = ['splade-tiny', 'bm25'].map((name) => json.figures[name]!.all[metric]!)
        // The reference cuts texts to 256 tokens, the model reads 512.
        expect(Math.abs(valueOf(scores, metric) - sparse!), metric).toBeLessThan(0.01)
        expect(Math.abs(valueOf(scores, metric, 'BM25') - words!), metric).toBeLessThan(1e-4)
      }
    },
    20 * minutes,
  )

  test.skipIf(!hasReal('smollm2', 'SmolLM2-135M-Instruct'))(
    'SmolLM2-135M-Instruct: the perplexity of 1,000 tokens',
    async () => {
      const folder = weightsFolder('SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf')
      const { json, numbers } = readReal<{ perplexity: number; tolerance: { perplexity: string } }>('smollm2')
      const { tokenizer } = await loadModel(folder)
      const text = tokenizer.decode(Int32Array.from(numbers('text.ids')))
      const opened = await openTask(folder, 'perplexity', { window: 1000 })
      const { scores, details } = await evaluationOf(await opened.measure([{ text }]), few)
      expect(details['tokens']).toBe(999)
      expect(Math.abs(valueOf(scores, 'perplexity') / json.perplexity - 1)).toBeLessThan(1e-4)
    },
    20 * minutes,
  )
})

/** What docs/evaluation.md says of baselines. */
describe.skipIf(process.env['HEED_SHARED'] === undefined)('baselines (set HEED_SHARED to run)', () => {
  const classes = ['entailment', 'neutral', 'contradiction']
  test.each([
    ['snli-dev', undefined, [33.8, 56.6, 53.6, 62.7]],
    ['mnli-dev', 0, [35.7, 44.6, 54.8, 52.6]],
    ['mnli-dev', 1, [35.6, 43.3, 53.2, 50.2]],
  ])(
    'entailment: %s, part %s',
    async (name, half, expected) => {
      const records = await loadRecords({
        path: data('nli', `${name}.csv.gz`),
        fields: { text: 'premise', pair: 'hypothesis', label: 'label' },
        ...(half !== undefined && { part: { by: 'premise', of: 2, take: [half] } }),
      })
      const examples = records.map(({ text, pair, label }) => ({
        text: text as string,
        pair: pair as string,
        label: classes.indexOf(label as string),
      }))
      const found = Object.values(classBaselines(examples, 3)).map(
        (called) => called.filter((label, i) => label === examples[i]!.label).length / examples.length,
      )
      expect(found.map((share) => (100 * share).toFixed(1))).toEqual(
        expected.map((share) => share.toFixed(1)),
      )
    },
    10 * minutes,
  )

  test(
    'answers of SQuAD 1.1',
    async () => {
      const records = await loadRecords({ path: data('squad', 'dev-v1.1.jsonl.gz'), format: 'squad' })
      const asked = records as unknown as readonly {
        question: string
        context: string
        answers: { text: string }[]
      }[]
      const of = (answer: (one: (typeof asked)[number]) => string): string[] => {
        let [exact, f1] = [0, 0]
        for (const one of asked) {
          const texts = one.answers.map(({ text }) => text)
          const found = answer(one)
          exact += squadExact(found, texts)
          f1 += squadF1(found, texts)
        }
        return [f1, exact].map((sum) => ((100 * sum) / asked.length).toFixed(1))
      }
      expect(of(({ question, context }) => slidingWindowAnswer(question, context))).toEqual(['30.4', '20.9'])
      expect(of(({ context }) => firstSentence(context))).toEqual(['9.8', '0.0'])
    },
    10 * minutes,
  )
})
