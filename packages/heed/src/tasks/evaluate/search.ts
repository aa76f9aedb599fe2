/** Search: which documents a model finds for a query, alone or on top of BM25. */
import { checkWhole, UsageError } from '../../base/index.js'
import {
  type CrossEncoder,
  LateInteraction,
  maxSim,
  type Ranked,
  type SentenceEncoder,
  SparseEncoder,
} from '../../models/index.js'
import {
  bm25Index,
  reciprocalRankFusion,
  reranked,
  TermIndex,
  termsOf,
  topOf,
  VectorIndex,
} from '../../search/index.js'
import type { Tokenizer } from '../../text/index.js'
import type { DataRecord } from '../../train/index.js'
import { mrrAt, ndcgAt, recallAt } from '../metrics/index.js'
import {
  checkOptions,
  drawnOf,
  type EvaluateOptions,
  groupsOf,
  inBatches,
  type Measure,
  type Measured,
  meanStatistic,
  textIn,
  wrongRecord,
} from './evaluation.js'
import { encoded } from './similarity.js'

const task = 'search'

/** A query, and what each document is worth to it: those that are not named 0. */
export interface SearchQuery {
  readonly text: string
  readonly gains: ReadonlyMap<number, number>
  /** Only these are ranked; default: all. */
  readonly among?: readonly number[] | undefined
}

/** Documents, and queries to find them with. */
export interface SearchCollection {
  readonly documents: readonly string[]
  readonly queries: readonly SearchQuery[]
}

/**
 * A collection from records: `{ question, context }`, each context a document, which its own questions should
 * find; `{ text, positive, negatives? }`, likewise; `{ query, documents, relevant }`, where `relevant` has
 * the places of the right ones, and only the query's own documents are ranked. Equal texts are one document.
 *
 * @param questions of a context's questions the `first` alone (default), or `all`
 * @throws UsageError for other records
 */
export function searchCollection(
  records: readonly DataRecord[],
  questions: 'first' | 'all' = 'first',
): SearchCollection {
  const documents: string[] = []
  const numbers = new Map<string, number>()
  const numberOf = (text: string): number => {
    const known = numbers.get(text)
    if (known !== undefined) return known
    numbers.set(text, documents.length)
    return documents.push(text) - 1
  }
  const queries: SearchQuery[] = []
  for (const record of records) {
    if ('question' in record) {
      const before = documents.length
      const own = numberOf(textIn(task, record, 'context'))
      if (questions === 'all' || own === before)
        queries.push({ text: textIn(task, record, 'question'), gains: new Map([[own, 1]]) })
    } else if ('positive' in record) {
      const own = numberOf(textIn(task, record, 'positive'))
      for (const text of listIn(record, 'negatives')) numberOf(text)
      queries.push({ text: textIn(task, record, 'text'), gains: new Map([[own, 1]]) })
    } else {
      const among = listIn(record, 'documents').map(numberOf)
      const { relevant } = record
      const places = typeof relevant === 'number' ? [relevant] : relevant
      const fits = (place: unknown): place is number => among[place as number] !== undefined
      if (!Array.isArray(places) || !places.every(fits))
        throw wrongRecord(task, "records whose 'relevant' has places of 'documents'", record)
      const gains = new Map(places.map((place) => [among[place]!, 1]))
      queries.push({ text: textIn(task, record, 'query'), gains, among })
    }
  }
  return { documents, queries }
}

function listIn(record: DataRecord, field: string): readonly string[] {
  const list = record[field] ?? []
  if (Array.isArray(list) && list.every((text) => typeof text === 'string')) return list
  throw wrongRecord(task, `records whose '${field}' is a list of texts`, record)
}

/** How a collection is searched. */
export interface EvaluateSearchOptions extends EvaluateOptions {
  /** Of a context's questions the first alone, or all. Default `first`. */
  readonly questions?: 'first' | 'all' | undefined
  /** Only so many queries, drawn by the seed, among all documents. Default: all. */
  readonly queries?: number | undefined
  /** Puts the first documents of each ranking in order anew. */
  readonly reranker?: CrossEncoder | undefined
  /** How many those are. Default 20. */
  readonly depth?: number | undefined
  /**
   * What a cross-encoder or late interaction ranks anew: what this model and BM25 find, both rankings fused.
   * Default: what BM25 finds.
   */
  readonly first?: SentenceEncoder | SparseEncoder | undefined
}

/** Places that are looked at. */
const deepest = 100

/**
 * Ranks a collection's documents for each query: `nDCG@10`, `MRR@10`, `recall@1`, `recall@10`, `recall@100`.
 * A cross-encoder, and late interaction, rank anew what BM25 finds first. Beside: `BM25` over the tokenizer's
 * pieces and, where another model searches, both rankings `fused with BM25`.
 *
 * @throws UsageError for records that make no collection
 */
export async function measureSearch(
  model: SentenceEncoder | SparseEncoder | CrossEncoder | LateInteraction | 'bm25',
  records: readonly DataRecord[] | SearchCollection,
  options: EvaluateSearchOptions & {
    readonly tokenizer?: Tokenizer | undefined
    readonly kept?: KeptRankings | undefined
  } = {},
): Promise<Measured> {
  checkOptions(task, options, ['questions', 'queries', 'reranker', 'depth', 'first', 'tokenizer', 'kept'])
  const { depth = 20, questions } = options
  checkWhole(task, 'depth', depth, 1)
  const collection = drawnQueries(
    'queries' in records ? records : searchCollection(records, questions),
    options,
  )
  const tokenizer = options.tokenizer ?? (model === 'bm25' ? undefined : model.loaded.tokenizer)
  const found = foundIn(options.kept, records, options)
  const byWords = (): readonly Ranked[][] => (found.byWords ??= wordRankings(collection, tokenizer))
  const isSecond = model !== 'bm25' && ('scores' in model || model instanceof LateInteraction)
  if (options.first !== undefined && !isSecond)
    throw new UsageError({
      operation: task,
      expected: 'a cross-encoder or late interaction to rank anew what another model finds first',
      found: model === 'bm25' ? 'BM25' : 'a model that searches by itself',
      hint: "give the other as the model, and the cross-encoder as 'reranker'",
    })
  const searcher = isSecond ? options.first : model
  const alone =
    searcher === undefined || searcher === 'bm25'
      ? byWords()
      : isSecond
        ? (found.first ??= await ownRankings(searcher, collection, { ...options, around: undefined }))
        : await ownRankings(searcher, collection, options)
  const fused = (): readonly Ranked[][] =>
    alone.map((ranking, i) => reciprocalRankFusion([ranking, byWords()[i]!]))
  const first = isSecond && searcher !== undefined ? fused() : alone
  const second = isSecond ? model : options.reranker
  const own =
    second === undefined
      ? first
      : second instanceof LateInteraction
        ? await byTokens(second, first, collection, depth, options)
        : await again(second, first, collection, depth, options)
  return {
    task,
    count: collection.queries.length,
    own: measureOf('model', own, collection),
    baselines: () => {
      if (model === 'bm25') return second === undefined ? [] : [measureOf('BM25', first, collection)]
      const words = measureOf('BM25', byWords(), collection)
      if (searcher === undefined) return [words]
      return [
        words,
        ...(second === undefined ? [] : [measureOf('first stage', alone, collection)]),
        measureOf('fused with BM25', fused(), collection),
      ]
    },
    details: { documents: collection.documents.length, ...(second !== undefined && { reranked: depth }) },
  }
}

function drawnQueries(
  collection: SearchCollection,
  { queries: count, seed = 0 }: EvaluateSearchOptions,
): SearchCollection {
  if (count === undefined) return collection
  checkWhole(task, 'queries', count, 1)
  return { ...collection, queries: drawnOf(collection.queries, count, seed) }
}

function wordRankings({ documents, queries }: SearchCollection, tokenizer?: Tokenizer): Ranked[][] {
  const terms = termsOf(tokenizer)
  const index = bm25Index(documents.map(terms))
  return queries.map((query) => ranking(query, index.scores({ ids: terms(query.text) })))
}

/** What BM25 and another model find, whatever is done to the one that ranks it anew. */
interface Found {
  byWords?: readonly Ranked[][]
  first?: readonly Ranked[][]
}
/**
 * What was found first, by the records: who measures a model again and again, with the same model that finds
 * first and the same tokenizer, has it found once.
 */
export type KeptRankings = WeakMap<object, Map<string, Found>>

function foundIn(
  kept: KeptRankings | undefined,
  records: object,
  { questions, queries, seed }: EvaluateSearchOptions,
): Found {
  const about = JSON.stringify([questions, queries, seed])
  const known = kept?.get(records) ?? new Map<string, Found>()
  kept?.set(records, known)
  const found = known.get(about) ?? {}
  known.set(about, found)
  return found
}

async function ownRankings(
  model: SentenceEncoder | SparseEncoder,
  { documents, queries }: SearchCollection,
  options: EvaluateSearchOptions,
): Promise<Ranked[][]> {
  const { around = (work) => work(), batchTokens, progress } = options
  const asked = queries.map(({ text }) => text)
  const total = documents.length + queries.length
  const told = (before: number): EvaluateOptions => ({
    ...options,
    progress: progress && ((done) => progress(before + done, total)),
  })
  const both = async <V>(encode: (texts: readonly string[]) => readonly V[]): Promise<[V[], V[]]> => [
    await encoded(documents, told(0), encode),
    await encoded(asked, told(documents.length), encode),
  ]
  if (model instanceof SparseEncoder) {
    const [there, wanted] = await both((texts) => around(() => model.encode(texts, { batchTokens })))
    const index = new TermIndex(there)
    return queries.map((query, i) => ranking(query, index.scores(wanted[i]!)))
  }
  const [there, wanted] = await both((texts) => around(() => model.encode(texts, { batchTokens })))
  const index = new VectorIndex(there, model.settings.similarity === 'dot' ? 'dot' : 'cosine')
  const scores = index.scores(wanted)
  return queries.map((query, i) => ranking(query, scores[i]!))
}

async function again(
  encoder: CrossEncoder,
  rankings: readonly Ranked[][],
  { documents, queries }: SearchCollection,
  depth: number,
  options: EvaluateSearchOptions,
): Promise<Ranked[][]> {
  const { around = (work) => work(), batchTokens } = options
  const found: Ranked[][] = []
  await inBatches(groupsOf(queries.length, 1), options, ([i]) => {
    found[i!] = around(() =>
      reranked(encoder, queries[i!]!.text, rankings[i!]!, documents, depth, { batchTokens }),
    )
  })
  return found
}

/** The first documents of each ranking in the order of MaxSim; each document is encoded once. */
async function byTokens(
  model: LateInteraction,
  rankings: readonly Ranked[][],
  { documents, queries }: SearchCollection,
  depth: number,
  options: EvaluateSearchOptions,
): Promise<Ranked[][]> {
  const { around = (work) => work(), batchTokens } = options
  const needed = [...new Set(rankings.flatMap((own) => own.slice(0, depth).map(({ document }) => document)))]
  const texts = needed.map((document) => documents[document]!)
  const there = await encoded(texts, options, (some) =>
    around(() => model.encodeDocuments(some, { batchTokens })),
  )
  const vectors = new Map(needed.map((document, i) => [document, there[i]!]))
  const asked = await encoded(
    queries.map(({ text }) => text),
    { signal: options.signal },
    (some) => around(() => model.encodeQueries(some, { batchTokens })),
  )
  const found: Ranked[][] = []
  await inBatches(groupsOf(queries.length, 1), { signal: options.signal }, ([i]) => {
    const scores = rankings[i!]!.slice(0, depth).map(({ document }) => ({
      document,
      score: maxSim(asked[i!]!, vectors.get(document)!).score,
    }))
    scores.sort((a, b) => b.score - a.score || a.document - b.document)
    found[i!] = [...scores, ...rankings[i!]!.slice(depth)]
  })
  return found
}

/** The best documents for a query, of those that are ranked at all. */
function ranking({ among }: SearchQuery, scores: ArrayLike<number>): Ranked[] {
  if (among === undefined) return topOf(scores, deepest)
  const own = topOf(
    among.map((document) => scores[document]!),
    deepest,
  )
  return own.map(({ document, score }) => ({ document: among[document]!, score }))
}

function measureOf(name: string, rankings: readonly Ranked[][], { queries }: SearchCollection): Measure {
  const gains = rankings.map((ranking, i) =>
    ranking.map(({ document }) => queries[i]!.gains.get(document) ?? 0),
  )
  const mean = (
    of: (gains: readonly number[], all: readonly number[]) => number,
  ): Measure['metrics'][string] =>
    meanStatistic(gains.map((own, i) => of(own, [...queries[i]!.gains.values()])))
  const recall = (k: number): Measure['metrics'][string] => mean((own, all) => recallAt(own, k, all.length))
  return {
    name,
    metrics: {
      'nDCG@10': mean((own, all) => ndcgAt(own, 10, all)),
      'MRR@10': mean((own) => mrrAt(own, 10)),
      'recall@1': recall(1),
      'recall@10': recall(10),
      'recall@100': recall(100),
    },
  }
}
