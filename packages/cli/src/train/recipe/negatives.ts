import { bm25Index, termsOf, UsageError, type DataRecord } from 'heed'
import { pause } from 'heed/internals'
import type { NegativesConfig, PairsConfig } from './config.js'

/** Told how many of the records are done. */
type Told = (done: number, total: number) => void

/**
 * Records of a text with the passage that answers it, each with the passages of others that share most words
 * with it, by BM25 (Karpukhin et al. 2020, "Dense Passage Retrieval", section 3.2). A passage that has an
 * answer of the record's (`answers`) is not among them. A record `{ query, documents }` gets them behind its
 * documents.
 *
 * @throws UsageError for records without a passage
 */
export async function withNegatives(
  records: readonly DataRecord[],
  { count, among }: NegativesConfig,
  signal: AbortSignal,
  told: Told,
): Promise<readonly DataRecord[]> {
  const passages = [...new Set(records.flatMap(passagesOf))]
  const terms = termsOf()
  const index = bm25Index(passages.map(terms))
  const made: DataRecord[] = []
  let paused = performance.now()
  for (const record of records) {
    const own = new Set(passagesOf(record))
    const answers = answersOf(record)
    const scores = index.scores({ ids: terms(queryOf(record)) })
    const found = best(scores, among)
      .map((i) => passages[i]!)
      .filter((passage) => !own.has(passage) && !answers.some((answer) => passage.includes(answer)))
      .slice(0, count)
    made.push(
      'documents' in record
        ? { ...record, documents: [...own, ...found] }
        : { ...record, negatives: [...((record.negatives as string[] | undefined) ?? []), ...found] },
    )
    if (performance.now() - paused < 50) continue
    told(made.length, records.length)
    await pause()
    signal.throwIfAborted()
    paused = performance.now()
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
    const wrong = (record.negatives as readonly string[] | undefined) ?? []
    return [
      ...passagesOf(record).map((pair) => ({ text, pair, label: positive })),
      ...wrong.map((pair) => ({ text, pair, label: negative })),
    ]
  })
}

function queryOf(record: DataRecord): string {
  return (record.text ?? record.query) as string
}

function passagesOf({ positive, documents }: DataRecord): readonly string[] {
  if (typeof positive === 'string') return [positive]
  if (Array.isArray(documents)) return documents as string[]
  throw new UsageError({
    operation: 'data.negatives',
    expected: "records with a text 'positive', or 'documents'",
    found: 'one without',
    hint: 'name where they stand in fields of the data source',
  })
}

function answersOf({ answers }: DataRecord): readonly string[] {
  const texts = Array.isArray(answers) ? answers : []
  return texts.map((answer: unknown) =>
    typeof answer === 'string' ? answer : (answer as { text: string }).text,
  )
}

/** The places of the largest numbers above 0, the largest first. */
function best(scores: Float64Array, count: number): number[] {
  const found: number[] = []
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (score <= 0 || (found.length === count && score <= scores[found[count - 1]!]!)) continue
    let place = found.length
    while (place > 0 && scores[found[place - 1]!]! < score) place--
    found.splice(place, 0, i)
    if (found.length > count) found.pop()
  }
  return found
}
