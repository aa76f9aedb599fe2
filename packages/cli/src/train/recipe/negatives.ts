import { bm25Scorer, hardNegatives, UsageError, type DataRecord } from 'heed'
import { pause } from 'heed/internals'
import type { NegativesConfig, PairsConfig } from './config.js'

/** Told how many of the records are done. */
type Told = (done: number, total: number) => void

/** Records that are looked for at once. */
const together = 64

/**
 * Records of a text with the passage that answers it, each with passages of others that look like it by BM25
 * (`hardNegatives`). A passage that has an answer of the record's (`answers`) is not among them.
 *
 * @throws UsageError for records without a passage
 */
export async function withNegatives(
  records: readonly DataRecord[],
  { count, among, skip, share }: NegativesConfig,
  signal: AbortSignal,
  told: Told,
): Promise<readonly DataRecord[]> {
  const passages = [...new Set(records.flatMap(passagesOf))]
  const places = new Map(passages.map((passage, place) => [passage, place]))
  const scorer = bm25Scorer(passages)
  const made: DataRecord[] = []
  for (let start = 0; start < records.length; start += together) {
    signal.throwIfAborted()
    const some = records.slice(start, start + together)
    const queries = some.map((record) => ({
      query: queryOf(record),
      positives: passagesOf(record).map((passage) => places.get(passage)!),
    }))
    const found = hardNegatives(passages, queries, scorer, { count: among, among, skip, share, seed: start })
    some.forEach((record, i) => {
      const answers = answersOf(record)
      const negatives = found[i]!.map((place) => passages[place]!).filter(
        (passage) => !answers.some((answer) => passage.includes(answer)),
      )
      made.push({ ...record, negatives: [...negativesOf(record), ...negatives.slice(0, count)] })
    })
    told(made.length, records.length)
    await pause()
  }
  return made
}

/**
 * Records of a text with what is right and wrong for it, cut into labelled pairs: for a classifier that reads
 * both.
 */
export function asPairs(records: readonly DataRecord[], { positive, negative }: PairsConfig): DataRecord[] {
  return records.flatMap((record) => {
    const text = queryOf(record)
    const wrong = negativesOf(record)
    return [
      ...passagesOf(record).map((pair) => ({ text, pair, label: positive })),
      ...wrong.map((pair) => ({ text, pair, label: negative })),
    ]
  })
}

/**
 * Such records as groups of documents that are ranked against each other; those without wrong ones are left
 * out.
 */
export function asGroups(records: readonly DataRecord[]): DataRecord[] {
  return records.flatMap((record) => {
    const [right, wrong] = [passagesOf(record), negativesOf(record)]
    if (wrong.length === 0) return []
    return [{ query: queryOf(record), documents: [...right, ...wrong], relevant: right.map((_, i) => i) }]
  })
}

function negativesOf({ negatives }: DataRecord): readonly string[] {
  return Array.isArray(negatives) ? (negatives as string[]) : []
}

function queryOf(record: DataRecord): string {
  return (record.text ?? record.query) as string
}

function passagesOf({ positive }: DataRecord): readonly string[] {
  if (typeof positive === 'string') return [positive]
  throw new UsageError({
    operation: 'data.negatives',
    expected: "records with a text 'positive'",
    found: 'one without',
    hint: 'name where it stands in fields of the data source',
  })
}

function answersOf({ answers }: DataRecord): readonly string[] {
  const texts = Array.isArray(answers) ? answers : []
  return texts.map((answer: unknown) =>
    typeof answer === 'string' ? answer : (answer as { text: string }).text,
  )
}
