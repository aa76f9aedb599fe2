/** Semantic textual similarity (Cer et al. 2017): how like a model's similarities are to people's scores. */
import {
  type CrossEncoder,
  quantizeVectors,
  type SentenceEncoder,
  SparseEncoder,
  vectorRanges,
  vectorSimilarity,
} from '../../models/index.js'
import type { DataRecord } from '../../train/index.js'
import { pearson, spearman } from '../metrics/index.js'
import { averagedEmbeddings } from './baselines/embeddings.js'
import { plainWords, rarityIn, sharedWeight } from './baselines/words.js'
import {
  checkOptions,
  type EvaluateOptions,
  groupsOf,
  inBatches,
  type Measure,
  type Measured,
  numberIn,
  textIn,
} from './evaluation.js'

const task = 'sentence-similarity'

/** How similarities are computed. */
export interface EvaluateSimilarityOptions extends EvaluateOptions {
  /** Only so many of the first numbers of each vector. */
  readonly dimensions?: number | undefined
  /** Fewer bits for each number: 8, in the range of its dimension, or 1, its sign. Default: all. */
  readonly vectors?: 'int8' | 'binary' | undefined
}

/** Texts that are encoded between two looks at the signal. */
const together = 64

/**
 * Compares the similarity of `{ text, pair }` with the `score` that people gave: `Spearman`, `Pearson`.
 * Beside: `averaged embeddings`, the model's own token vectors weighed by rarity, and `overlap`, the weight
 * of the words in both.
 *
 * @throws UsageError for records without texts or a score
 */
export async function measureSimilarity(
  encoder: SentenceEncoder | SparseEncoder | CrossEncoder,
  records: readonly DataRecord[],
  options: EvaluateSimilarityOptions = {},
): Promise<Measured> {
  checkOptions(task, options, ['dimensions', 'vectors'])
  const pairs = records.map((record) => [textIn(task, record, 'text'), textIn(task, record, 'pair')] as const)
  const gold = records.map((record) => numberIn(task, record, 'score'))
  const own = await similaritiesOf(encoder, pairs, options)
  return {
    task,
    count: records.length,
    own: measureOf('model', own, gold),
    baselines: () => baselinesOf(encoder, pairs, gold),
    details: {},
  }
}

function baselinesOf(
  encoder: SentenceEncoder | SparseEncoder | CrossEncoder,
  pairs: readonly (readonly [string, string])[],
  gold: readonly number[],
): Measure[] {
  const texts = pairs.flat()
  const vectors = averagedEmbeddings(encoder.loaded, texts)
  const words = texts.map(plainWords)
  const rarity = rarityIn(words)
  const overlap = pairs.map((_, i) => sharedWeight(words[2 * i]!, words[2 * i + 1]!, rarity))
  const averaged = vectors && pairs.map((_, i) => vectorSimilarity(vectors[2 * i]!, vectors[2 * i + 1]!))
  return [
    ...(averaged === undefined ? [] : [measureOf('averaged embeddings', averaged, gold)]),
    measureOf('overlap', overlap, gold),
  ]
}

async function similaritiesOf(
  encoder: SentenceEncoder | SparseEncoder | CrossEncoder,
  pairs: readonly (readonly [string, string])[],
  options: EvaluateSimilarityOptions,
): Promise<number[]> {
  const { around = (work) => work(), batchTokens, dimensions, vectors: format } = options
  if ('scores' in encoder) {
    const found: number[] = []
    await inBatches(groupsOf(pairs.length, together), options, (batch) => {
      const scores = around(() =>
        encoder.scores(
          batch.map((i) => pairs[i]!),
          { batchTokens },
        ),
      )
      batch.forEach((i, row) => (found[i] = scores[row]![0]!))
    })
    return found
  }
  const texts = pairs.flat()
  if (encoder instanceof SparseEncoder) {
    const vectors = await encoded(texts, options, (some) =>
      around(() => encoder.encode(some, { batchTokens })),
    )
    return pairs.map((_, i) => encoder.similarity(vectors[2 * i]!, vectors[2 * i + 1]!))
  }
  const plain = await encoded(texts, options, (some) =>
    around(() => encoder.encode(some, { batchTokens, dimensions })),
  )
  const vectors = format === undefined ? plain : fewerBits(plain, format)
  return pairs.map((_, i) => encoder.similarity(vectors[2 * i]!, vectors[2 * i + 1]!))
}

/** What is left of vectors in so few bits, in f32 again: the middle of each step, or ±1. */
function fewerBits(vectors: readonly Float32Array[], format: 'int8' | 'binary'): Float32Array[] {
  if (format === 'binary') return vectors.map((vector) => vector.map((value) => (value > 0 ? 1 : -1)))
  const { smallest, largest } = vectorRanges(vectors)
  return quantizeVectors(vectors, 'uint8', { smallest, largest }).map((bytes) =>
    Float32Array.from(bytes, (byte, i) => smallest[i]! + ((byte + 0.5) * (largest[i]! - smallest[i]!)) / 255),
  )
}

/** Each text once, whatever how often it is there, some of them at a time. */
export async function encoded<V>(
  texts: readonly string[],
  options: Pick<EvaluateOptions, 'signal' | 'progress'>,
  encode: (texts: readonly string[]) => readonly V[],
): Promise<V[]> {
  // Of like lengths together, so that a batch's texts are.
  const each = [...new Set(texts)].sort((a, b) => b.length - a.length)
  const found = new Map<string, V>()
  await inBatches(groupsOf(each.length, together), options, (batch) => {
    const vectors = encode(batch.map((i) => each[i]!))
    batch.forEach((i, row) => found.set(each[i]!, vectors[row]!))
  })
  return texts.map((text) => found.get(text)!)
}

function measureOf(name: string, found: readonly number[], gold: readonly number[]): Measure {
  const of =
    (correlation: typeof spearman) =>
    (items: Uint32Array): number =>
      correlation(
        Float64Array.from(items, (i) => found[i]!),
        Float64Array.from(items, (i) => gold[i]!),
      )
  return { name, metrics: { Spearman: of(spearman), Pearson: of(pearson) } }
}
