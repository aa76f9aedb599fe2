import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCheckpoint, loadModel, type Running } from '../../models/index.js'
import { trainTokenizer } from '../../text/index.js'
import { pipeline } from '../index.js'
import { bleu, captionScores, captionWords, chrf, newRuns, rouge } from '../metrics/index.js'
import { temporaryFolder } from '../testing/tiny.js'
import { textOf } from './testing/records.js'
import {
  ablateHeads,
  captionMeasure,
  evaluate,
  evaluationOf,
  learnLexicon,
  measureSummaries,
  measureTranslations,
  nearestTarget,
  translationMemory,
  wordByWord,
} from './index.js'

const folder = temporaryFolder()
const path = join(folder.path, 'writer')
let loaded: Running

async function writeModel(name: string, texts: readonly string[]): Promise<string> {
  const at = join(folder.path, name)
  mkdirSync(at)
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
  const tokenizer = await trainTokenizer(texts, {
    model: 'BPE',
    vocabularySize: 120,
    special: ['<pad>', '</s>', '<unk>'],
    unknownToken: '<unk>',
    preTokenizer: metaspace,
    decoder: metaspace,
  })
  const config = {
    model_type: 'pegasus',
    d_model: 16,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    encoder_ffn_dim: 32,
    decoder_ffn_dim: 32,
    pad_token_id: 0,
    eos_token_id: 1,
    decoder_start_token_id: 0,
    max_length: 8,
  }
  await createCheckpoint(at, { config, tokenizer, seed: 3 })
  return at
}

const texts = Array.from({ length: 40 }, (_, i) => textOf(i))
const translators = (): Promise<string> =>
  writeModel(
    'translator',
    texts.map((text) => `>>it<< ${text}`),
  )

beforeAll(async () => {
  loaded = await loadModel(await writeModel('writer', texts))
})
afterAll(() => folder.remove())

const records = Array.from({ length: 12 }, (_, i) => ({
  source: `${textOf(i, 4)}. Then ${textOf(i + 50, 3)}.`,
  target: textOf(i, 3),
}))
const sources = records.map(({ source }) => source)
const all = Uint32Array.from(records, (_, i) => i)

describe('what a model writes', () => {
  test('summaries have the scores of the texts that the pipeline writes', async () => {
    const summarize = await pipeline('summarization', path)
    const texts = (await summarize(sources)).map(({ summary_text }) => summary_text.trim())
    const { own, baselines, details } = await measureSummaries(loaded, records)
    const mean = texts.reduce(
      (sum, text, i) => sum + rouge(text, records[i]!.target, { stemmer: true }).rougeL.f1,
      0,
    )
    expect(own.metrics['ROUGE-L']!(all)).toBeCloseTo(mean / 12, 12)
    const fresh = texts.map((text, i) => newRuns(text, sources[i]!))
    const share = fresh.reduce((sum, one) => sum + one.new, 0) / fresh.reduce((sum, one) => sum + one.all, 0)
    expect(own.metrics['new words']!(all)).toBeCloseTo(share, 12)
    expect(baselines().map(({ name }) => name)).toEqual(['lead-1', 'nearest'])
    const [lead] = baselines()
    const first = records.map(
      ({ source, target }) => rouge(source.split('.')[0]!, target, { stemmer: true }).rouge1.f1,
    )
    expect(lead!.metrics['ROUGE-1']!(all)).toBeCloseTo(first.reduce((a, b) => a + b, 0) / 12, 12)
    expect(lead!.metrics['new words']!(all)).toBe(0)
    expect(details).toMatchObject({ examples: [{ written: texts[0] }, {}, {}, {}, {}] })
  })

  test('translations have the BLEU and chrF of all of them, with intervals', async () => {
    const translate = await pipeline('translation', path)
    const texts = (await translate(sources)).map(({ translation_text }) => translation_text.trim())
    const targets = records.map(({ target }) => target)
    const measured = await measureTranslations(loaded, records)
    const { own } = measured
    expect(100 * own.metrics['BLEU']!(all)).toBeCloseTo(bleu(texts, targets).score, 9)
    expect(100 * own.metrics['chrF']!(all)).toBeCloseTo(chrf(texts, targets), 9)
    expect(100 * own.metrics['chrF++']!(all)).toBeCloseTo(chrf(texts, targets, 2), 9)
    const { scores } = await evaluationOf(measured, { samples: 50 })
    expect(scores.map(({ metric }) => metric)).toEqual(['BLEU', 'chrF', 'chrF++'])
    expect(scores[0]!.beside.map(({ name }) => name)).toEqual(['word by word', 'phrase memory'])
    expect(scores.every(({ value, low, high }) => low <= value + 1e-9 && value <= high + 1e-9)).toBe(true)
  })

  test('of several summaries the best counts; beams, and fewer tokens, write others', async () => {
    const several = records.map(({ source, target }) => ({ source, targets: [textOf(99, 2), target] }))
    const one = await measureSummaries(loaded, records)
    const two = await measureSummaries(loaded, several)
    expect(two.own.metrics['ROUGE-L']!(all)).toBeGreaterThanOrEqual(one.own.metrics['ROUGE-L']!(all))
    const textsOf = async (settings: object): Promise<string> =>
      JSON.stringify(
        (await evaluate(path, 'summarization', records, { settings, samples: 1, baselines: false })).details,
      )
    const texts = await Promise.all([textsOf({}), textsOf({ beams: 1 }), textsOf({ tokens: 2 })])
    expect(texts[0]).toBe(texts[1])
    expect(texts[2]).not.toBe(texts[0])
  })

  test('each head is taken out, of the source, the target and between them', async () => {
    const { heads } = await ablateHeads(
      loaded,
      (options) => measureSummaries(loaded, records.slice(0, 4), options),
      { samples: 20 },
    )
    expect(heads.map(({ attention, head }) => `${attention} ${head}`)).toEqual(
      ['encoder.blocks.0.attention', 'decoder.blocks.0.attention', 'decoder.blocks.0.crossAttention'].flatMap(
        (name) => [0, 1].map((head) => `${name}.filter ${head}`),
      ),
    )
  })

  test('the mark of a language stands in front, where the model reads it as a token', async () => {
    const marked = await translators()
    const translate = await pipeline('translation', marked)
    const [asked] = await translate('the cat sat', { tgt_lang: 'it' })
    expect(asked).toEqual((await translate('>>it<< the cat sat'))[0])
    await expect(translate('the cat', { tgt_lang: 'fr' })).rejects.toThrow('no tgt_lang')
  })

  test('captions have the scores of all, and are right word by word', () => {
    const found = ['A cat sleeps.', 'a dog', 'two birds sing', 'a red car']
    const wanted = [['a cat sleeps'], ['the dog runs', 'A dog!'], ['two birds fly'], ['a car']]
    const { metrics } = captionMeasure('model', found, wanted)
    const words = captionScores(
      found.map(captionWords),
      wanted.map((texts) => texts.map(captionWords)),
    )
    const four = Uint32Array.from([0, 1, 2, 3])
    expect(metrics['exact']!(four)).toBe(0.5)
    expect(metrics['CIDEr']!(four)).toBeCloseTo(words.cider / 10, 12)
    expect(metrics['BLEU-4']!(four)).toBeCloseTo(words.bleu[3], 12)
  })

  test('other records, and other models, are refused', async () => {
    await expect(measureSummaries(loaded, [{ source: 'a' }])).rejects.toThrow("a text 'target'")
    await expect(measureSummaries(loaded, [{ text: 'a' }])).rejects.toThrow("a text 'source'")
    await expect(evaluate(path, 'summarisation', [])).rejects.toThrow("did you mean 'summarization'?")
  })
})

describe('baselines', () => {
  const pairs = [
    ['the house', 'la casa'],
    ['the red house', 'la casa rossa'],
    ['the car', 'la macchina'],
    ['the red car', 'la macchina rossa'],
    ['a car', 'una macchina'],
    ['a house', 'una casa'],
  ].map(([source, target]) => ({ source: source!, target: target! }))

  test('a lexicon is learned from pairs', () => {
    const lexicon = learnLexicon(pairs)
    expect(['the', 'red', 'house', 'car', 'a', 'dog'].map((word) => lexicon.best(word))).toEqual([
      'la',
      'rossa',
      'casa',
      'macchina',
      'una',
      undefined,
    ])
    expect(wordByWord(lexicon, 'A red car, the dog.')).toBe('Una rossa macchina, la dog.')
  })

  test('a memory knows whole phrases, of each language by itself', () => {
    const marked = [
      ...pairs.map(({ source, target }) => ({ source: `>>it<< ${source}`, target })),
      { source: '>>fr<< the house', target: 'la maison' },
    ]
    const { words, phrases } = translationMemory(marked)
    expect(words('>>it<< see the red car')).toBe('see la rossa macchina')
    expect(phrases('>>it<< see the red car')).toBe('see la macchina rossa')
    expect(phrases('>>fr<< the house')).toBe('la maison')
    expect(phrases('>>de<< the house')).toBe('the house')
  })

  test('the summary of what is most like a text', () => {
    const write = nearestTarget(pairs)
    expect(write('red house')).toBe('la casa rossa')
    expect(write('nothing')).toBe('')
  })
})
