/**
 * How good the texts are that a model writes for others: summaries and translations, beside those of people.
 */
import { checkWhole, UsageError } from '../../base/index.js'
import { type LoadedEncoderDecoder, ofFamily, type Running } from '../../models/index.js'
import type { DataRecord } from '../../train/index.js'
import {
  bleuCounts,
  bleuOf,
  bleuSignature,
  bleuWords,
  captionBleu,
  captionScores,
  captionWords,
  chrfCounts,
  chrfOf,
  chrfRuns,
  chrfSignature,
  newRuns,
  rouge,
  summed,
} from '../metrics/index.js'
import { createSummarization, createTranslation } from '../text-to-text.js'
import { fromOthers } from './baselines/classes.js'
import { firstSentence } from './baselines/sliding-window.js'
import { nearestTarget, translationMemory } from './baselines/written.js'
import {
  checkOptions,
  type EvaluateOptions,
  type Measure,
  type Measured,
  meanStatistic,
  type Statistic,
  textIn,
  wrongRecord,
} from './evaluation.js'

/** How texts are written. */
export interface EvaluateWritingOptions extends EvaluateOptions {
  /**
   * Texts that are looked at in each step: 1 takes the likeliest token. Default: what the model's files say.
   */
  readonly beams?: number | undefined
  /** Of a beam's sum of log probabilities: above 0 longer texts win. Default: what the files say, else 1. */
  readonly lengthPenalty?: number | undefined
  /** Tokens that are written at most. Default: what the files say, else 256. */
  readonly tokens?: number | undefined
}

/** A text, and what people made of it. */
interface Written {
  readonly source: string
  readonly targets: readonly string[]
}

/**
 * Summaries of `{ source, target }`, or `{ source, targets }` of several people, of which the best counts:
 * `ROUGE-L`, `ROUGE-1`, `ROUGE-2` and `ROUGE-Lsum` as F1, words compared by their stems; `new words` and
 * `new pairs`, the share of the summaries' words and pairs of words that are not in the text. Beside:
 * `lead-1`, the first sentence; `nearest`, the summary of the text that BM25 finds first among those learned
 * from.
 *
 * @throws UsageError where the model is no encoder-decoder, or for other records
 */
export async function measureSummaries(
  loaded: Running,
  records: readonly DataRecord[],
  options: EvaluateWritingOptions = {},
): Promise<Measured> {
  const task = 'summarization'
  checkOptions(task, options, ownNames)
  const items = records.map((record) => writtenIn(task, record))
  const texts = await textsOf(task, loaded, items, options)
  return {
    task,
    count: items.length,
    own: summaryMeasure('model', texts, items),
    baselines: () => [
      summaryMeasure(
        'lead-1',
        items.map(({ source }) => firstSentence(source)),
        items,
      ),
      summaryMeasure('nearest', byOthers(task, items, options, nearestTarget), items),
    ],
    details: { stemmer: true, examples: examplesOf(items, texts) },
  }
}

/**
 * Translations of `{ source, target }`: `BLEU`, `chrF` and `chrF++` of all together, from 0 to 1. A drawn set
 * of records has the scores of its sums. Beside: `word by word`, by a lexicon learned from pairs;
 * `phrase memory`, by the longest whole sources of these; languages that sources are marked with (`>>it<<`)
 * apart.
 *
 * @throws UsageError where the model is no encoder-decoder, or for other records
 */
export async function measureTranslations(
  loaded: Running,
  records: readonly DataRecord[],
  options: EvaluateWritingOptions = {},
): Promise<Measured> {
  const task = 'translation'
  checkOptions(task, options, ownNames)
  const items = records.map((record) => writtenIn(task, record))
  const texts = await textsOf(task, loaded, items, options)
  return {
    task,
    count: items.length,
    own: translationMeasure('model', texts, items),
    baselines: () => {
      const both = byOthers(task, items, options, (pairs) => {
        const { words, phrases } = translationMemory(pairs)
        return (source) => [words(source), phrases(source)] as const
      })
      return [
        translationMeasure(
          'word by word',
          both.map(([text]) => text),
          items,
        ),
        translationMeasure(
          'phrase memory',
          both.map(([, text]) => text),
          items,
        ),
      ]
    },
    details: { BLEU: bleuSignature, chrF: chrfSignature, examples: examplesOf(items, texts) },
  }
}

const ownNames = ['beams', 'lengthPenalty', 'tokens'] as const satisfies (keyof EvaluateWritingOptions)[]

function writtenIn(task: string, record: DataRecord): Written {
  const { target, targets } = record
  const source = textIn(task, record, 'source')
  if (typeof target === 'string' && targets === undefined) return { source, targets: [target] }
  const isList =
    Array.isArray(targets) && targets.length > 0 && targets.every((one) => typeof one === 'string')
  if (isList && target === undefined) return { source, targets: targets as string[] }
  throw wrongRecord(task, "records with a text 'target', or a list of texts 'targets'", record)
}

/** What the model writes for each. */
async function textsOf(
  task: 'summarization' | 'translation',
  loaded: Running,
  items: readonly Written[],
  { around, beams, lengthPenalty, tokens, batchTokens, signal, progress }: EvaluateWritingOptions,
): Promise<string[]> {
  if (beams !== undefined) checkWhole(task, 'beams', beams, 1)
  if (tokens !== undefined) checkWhole(task, 'tokens', tokens, 1)
  const model: Running<LoadedEncoderDecoder> = ofFamily(loaded, 'encoder-decoder', task)
  const opened = { model, owned: false, around }
  const asked = {
    ...(beams !== undefined && { num_beams: beams }),
    ...(lengthPenalty !== undefined && { length_penalty: lengthPenalty }),
    ...(tokens !== undefined && { max_new_tokens: tokens }),
    ...(batchTokens !== undefined && { batchTokens }),
    ...(signal !== undefined && { signal }),
    ...(progress !== undefined && { progress: (done: number, total: number) => progress(done, total) }),
  }
  const sources = items.map(({ source }) => source)
  if (task === 'summarization') {
    const found = await createSummarization(opened)(sources, asked)
    return found.map((one) => (one as { readonly summary_text: string }).summary_text.trim())
  }
  const found = await createTranslation(opened)(sources, asked)
  return found.map((one) => (one as { readonly translation_text: string }).translation_text.trim())
}

/** What others are learned from says of each; records of several targets teach the first. */
function byOthers<T>(
  task: string,
  items: readonly Written[],
  { learnFrom }: EvaluateWritingOptions,
  learn: (pairs: readonly { readonly source: string; readonly target: string }[]) => (source: string) => T,
): T[] {
  const example = ({ source, targets }: Written): { text: string; target: string } => ({
    text: source,
    target: targets[0]!,
  })
  const others = learnFrom?.map((record) => example(writtenIn(task, record)))
  if (others === undefined && items.length < 2)
    throw new UsageError({
      operation: task,
      expected: 'records to learn baselines from',
      found: 'one record',
      hint: 'give learnFrom, or leave baselines out',
    })
  return fromOthers(items.map(example), others, (learned) => {
    const write = learn(learned.map(({ text, target }) => ({ source: text, target })))
    return ({ text }) => write(text)
  })
}

function summaryMeasure(name: string, texts: readonly string[], items: readonly Written[]): Measure {
  const scores = items.map(({ targets }, i) => rouge(texts[i]!, targets, { stemmer: true }))
  const mean = (kind: keyof (typeof scores)[number]): Statistic =>
    meanStatistic(scores.map((one) => one[kind].f1))
  const fresh = (length: number): Statistic => {
    const rows = items.map(({ source }, i) => {
      const { new: count, all } = newRuns(texts[i]!, source, length)
      return [count, all]
    })
    return (places) => {
      const [count, all] = summed(rows, places)
      return all === 0 ? NaN : count! / all!
    }
  }
  return {
    name,
    metrics: {
      'ROUGE-L': mean('rougeL'),
      'ROUGE-1': mean('rouge1'),
      'ROUGE-2': mean('rouge2'),
      'ROUGE-Lsum': mean('rougeLsum'),
      'new words': fresh(1),
      'new pairs': fresh(2),
    },
  }
}

function translationMeasure(name: string, texts: readonly string[], items: readonly Written[]): Measure {
  const words = texts.map((text, i) => bleuCounts(bleuWords(text), items[i]!.targets.map(bleuWords)))
  const runs = (order: number): Statistic => {
    const rows = texts.map((text, i) =>
      chrfCounts(
        chrfRuns(text, order),
        items[i]!.targets.map((target) => chrfRuns(target, order)),
      ),
    )
    return (places) => chrfOf(summed(rows, places)) / 100
  }
  return {
    name,
    metrics: {
      BLEU: (places) => bleuOf(summed(words, places)).score / 100,
      chrF: runs(0),
      'chrF++': runs(2),
    },
  }
}

/**
 * What captions reached beside those of people: `BLEU-4` and `CIDEr` (CIDEr-D over 10), from 0 to 1, of the
 * words that the server of COCO compares, and `exact`, the share of captions that are one of the others word
 * by word. In a drawn set the runs of words are as rare as in all.
 */
export function captionMeasure(
  name: string,
  captions: readonly string[],
  wanted: readonly (readonly string[])[],
): Measure {
  const [found, others] = [captions.map(captionWords), wanted.map((texts) => texts.map(captionWords))]
  const counts = found.map((words, i) => bleuCounts(words, others[i]!))
  const { ciders } = captionScores(found, others)
  const same = found.map((words, i) =>
    others[i]!.some((other) => other.join(' ') === words.join(' ')) ? 1 : 0,
  )
  return {
    name,
    metrics: {
      'BLEU-4': (places) => captionBleu(summed(counts, places))[3],
      CIDEr: meanStatistic(ciders.map((score) => score / 10)),
      exact: meanStatistic(same),
    },
  }
}

/** The first ones, to look at. */
function examplesOf(
  items: readonly Written[],
  texts: readonly string[],
): readonly { readonly source: string; readonly target: string; readonly written: string }[] {
  return items
    .slice(0, 5)
    .map(({ source, targets }, i) => ({ source, target: targets[0]!, written: texts[i]! }))
}
