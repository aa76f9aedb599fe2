/** One run of translation: training, and BLEU of sentences by their length. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bleu, dispose, likeLengthBatches, loadRecords, type DataSource } from 'heed'
import { type Tokenizer, trainTokenizer } from 'heed/text'
import { contestantOf, special } from './contestants.js'
import type { Which } from './measure-symbols.js'
import type { Reached, Run, Shown } from './runs.js'
import { settingsOf, type TranslationTask } from './settings.js'
import type { Pair } from './symbols.js'
import { countOf, pairBatch, trainModel, type Watching } from './train.js'

/** The folder of the recipes, seen from dist/why-attention. */
const here = fileURLToPath(new URL('../..', import.meta.url))

/** Sentences that are translated together. */
const together = 64

/** A sentence, and its translation. */
interface Sentence {
  readonly source: string
  readonly target: string
}

/** Trains and measures; undefined where it was stopped. */
export async function measureTranslation(
  task: TranslationTask,
  { model: modelName, seed }: Which,
  watching: Watching = {},
): Promise<Run | undefined> {
  const sentences = await sentencesOf(task.train)
  const tokenizer = await tokenizerOf(task, sentences, watching)
  if (tokenizer === undefined) return undefined
  const tokenText = (id: number): string => tokenizer.decode([id]).trim()
  const { sizes, rate } = task.models[modelName]
  const contestant = contestantOf(sizes, tokenizer.size)
  const pairs = sentences
    .map((sentence) => pairOf(tokenizer, sentence))
    .filter(({ source, target }) => Math.max(source.length, target.length) < task.maximum)
  const data = likeLengthBatches(pairs, 'translation', {
    batchTokens: task.batchTokens,
    seed,
    lengthOf: ({ source, target }: Pair) => countOf([source, target]) + 1,
    collate: pairBatch,
  })
  const trained = await trainModel(contestant, { ...task, data, rate, seed, ...watching })
  if (trained === undefined) return undefined
  const { model, parameters, tokens, loss, seconds } = trained
  const test = (await sentencesOf(task.test)).map((sentence) => ({
    ...sentence,
    words: sentence.source.split(/\s+/).length,
    ids: pairOf(tokenizer, sentence).source,
  }))
  // Those of like lengths together, so that little is filled up.
  const ordered = test.sort((a, b) => a.ids.length - b.ids.length)
  const written: string[] = []
  for (let at = 0; at < ordered.length; at += together) {
    const sources = ordered.slice(at, at + together).map(({ ids }) => ids)
    const ids = await contestant.write(model, sources, task.maximum)
    written.push(...ids.map((own) => tokenizer.decode(own).trim()))
  }
  const reached: Reached[] = task.buckets.flatMap((length, i) => {
    const isIn = (words: number): boolean => words <= length && words > (task.buckets[i - 1] ?? 0)
    const own = ordered.flatMap(({ words, target }, row) => (isIn(words) ? [{ row, target }] : []))
    if (own.length === 0) return []
    const { score } = bleu(
      own.map(({ row }) => written[row]!),
      own.map(({ target }) => target),
    )
    return [{ length, score, examples: own.length }]
  })
  const shown = seed === 0 ? await shownOf(ordered) : undefined
  dispose(model as never)
  const settings = settingsOf(task, modelName)
  const which = { task: 'translation', model: modelName, seed, settings } as const
  return { ...which, parameters, tokens, loss, seconds, reached, shown }

  /** The first sentence of about as many words as fit into a picture, and what its words attended to. */
  async function shownOf(
    measured: readonly { readonly ids: readonly number[] }[],
  ): Promise<Shown | undefined> {
    const chosen = measured.find(({ ids }) => ids.length >= shownLength) ?? measured.at(-1)
    if (chosen === undefined) return undefined
    const [written] = (await contestant.write(model, [chosen.ids], task.maximum)) as [number[]]
    const filter = contestant.filter(model, chosen.ids, [special.start, ...written.slice(0, -1)])
    const texts = (ids: readonly number[]): string[] => ids.map(tokenText)
    return filter && { source: texts(chosen.ids), written: texts(written), filter }
  }
}

/** Tokens of the sentence whose attention is shown. */
const shownLength = 14

async function sentencesOf(data: DataSource): Promise<Sentence[]> {
  const path = resolve(here, data.path)
  const records = await loadRecords({ ...data, path }, { operation: 'why-attention' })
  return records.map(({ source, target }) => ({
    source: (source as string).replace(languageMark, ''),
    target: target as string,
  }))
}

/** The language that a source says it is to be put into: all are put into one. */
const languageMark = /^>>\w+<< /

const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }

/** Byte pairs of sources and targets, which share one vocabulary; undefined where it was stopped. */
async function tokenizerOf(
  { vocabulary }: TranslationTask,
  sentences: readonly Sentence[],
  { signal, onPrepare }: Watching,
): Promise<Tokenizer | undefined> {
  const texts = sentences.flatMap(({ source, target }) => [source, target])
  try {
    return await trainTokenizer(texts, {
      model: 'BPE',
      vocabularySize: vocabulary,
      special: ['<pad>', '<start>', '<end>'],
      preTokenizer: byteLevel,
      decoder: byteLevel,
      onProgress: ({ phase, done, total = done }) => onPrepare?.(done, total, phase),
      ...(signal && { signal }),
    })
  } catch (error) {
    if (signal?.aborted === true) return undefined
    throw error
  }
}

function pairOf(tokenizer: Tokenizer, { source, target }: Sentence): Pair {
  const idsOf = (text: string): number[] => [...tokenizer.encode(text, { addSpecial: false }).ids]
  return { source: idsOf(source), target: idsOf(target) }
}
