import { describe, expect, test } from 'vitest'
import { loadModel } from '../../models/index.js'
import { hasReal, readReal, realNote, weightsFolder } from '../../models/testing/real.js'
import { loadRecords } from '../../train/index.js'
import { type EvaluationScore, evaluationOf, openTask } from './index.js'

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
