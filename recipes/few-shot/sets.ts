/** The sets of labelled texts that few-shot classifiers are compared on. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { firstSentence, loadRecords, permutation, randomKey, type DataRecord, type LabelledText } from 'heed'
import { squadDrafts } from '../first-light/squad.js'
import type { LabelledSet } from './compare.js'
import { topics } from './topics.js'

/** Shorter first sentences say too little. */
const shortest = 60

/**
 * First sentences of paragraphs of Wikipedia, labelled by the topic of their article: nine topics of ten
 * articles of SQuAD's training set each, chosen by their titles (`topics.ts`). In the order of their titles
 * every second article gives the examples, and the others what is measured on: so the topic is learned, and
 * not the article.
 */
export async function topicsOfWikipedia(data: string, limit: number): Promise<LabelledSet> {
  const articles = new Map(
    squadDrafts(await readFile(join(data, 'squad/train-v1.1.jsonl.gz'))).map(({ document, sections }) => [
      document,
      sections.flatMap(({ paragraphs }) => paragraphs.map(({ text }) => text)),
    ]),
  )
  const sentences = (place: 0 | 1): LabelledText[] =>
    Object.entries(topics).flatMap(([label, titles]) =>
      titles
        .filter((_, i) => i % 2 === place)
        .flatMap((title) => {
          const texts = (articles.get(title) ?? []).map(firstSentence)
          if (texts.length === 0) throw new Error(`few-shot: the data has no article '${title}'`)
          return texts.filter(({ length }) => length >= shortest).map((text) => ({ text, label }))
        }),
    )
  return {
    name: 'topics of Wikipedia, 9 classes',
    examples: sentences(0),
    test: evenly(sentences(1), limit),
  }
}

/** A pair, and both texts as one. */
export interface LabelledPair extends LabelledText {
  readonly premise: string
  readonly hypothesis: string
}

/**
 * RTE's pairs, whose labels no shipped model was trained on: whether a sentence follows from a piece of news
 * (Dagan, Glickman and Magnini 2005, "The PASCAL Recognising Textual Entailment Challenge"). A classifier of
 * single texts reads both as one. Premises of the examples and of what is measured on differ.
 */
export async function pairsOfRte(data: string, limit: number): Promise<LabelledSet<LabelledPair>> {
  const pairs = async (part: number): Promise<LabelledPair[]> => {
    const fields = { text: 'premise', pair: 'hypothesis', label: 'label' }
    const records = await loadRecords(
      ['rte-train.csv.gz', 'rte-dev.csv.gz'].map((name) => ({
        path: join(data, 'nli', name),
        fields,
        part: { by: 'premise', of: 2, take: [part] },
      })),
      { operation: 'few-shot' },
    )
    return records.map(({ text, pair, label }: DataRecord) => ({
      text: `${text as string} ${pair as string}`,
      premise: text as string,
      hypothesis: pair as string,
      label: label as string,
    }))
  }
  const name = 'RTE, 2 classes'
  return { name, examples: await pairs(0), test: evenly(await pairs(1), limit) }
}

/** As many of each label. */
function evenly<T extends LabelledText>(texts: readonly T[], limit: number): T[] {
  const labels = [...new Set(texts.map(({ label }) => label))]
  const order = [...permutation(randomKey(0, 'few-shot test'), texts.length)].map((i) => texts[i]!)
  const least = Math.min(...labels.map((label) => texts.filter((one) => one.label === label).length))
  const each = Math.min(least, Math.floor(limit / labels.length))
  return labels.flatMap((label) => order.filter((one) => one.label === label).slice(0, each))
}
