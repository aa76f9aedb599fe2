import { checkNames, checkPositive, checkWhole, inWords, UsageError } from '../../base/index.js'
import type { LoadedEncoder, SentenceEncoder, SentenceWeights } from '../../models/index.js'
import { tensor, type Tensor } from '../../tensor/index.js'
import {
  cosentLoss,
  cosineSimilarityLoss,
  inBatchNegativesLoss,
  matryoshkaLoss,
  type MatryoshkaOptions,
  type Vectors,
} from '../losses/index.js'
import { cosinesOf } from '../losses/vectors.js'
import type { Objective } from './objective.js'
import { BatchTexts, sentenceText, type SentenceText, type SentenceTextOptions } from './sentence-texts.js'
import { wrongRecord } from './texts.js'

const name = 'sentence-similarity'

/** Two texts, and how alike they are. */
export interface ScoredPair {
  readonly text: string
  readonly pair: string
  readonly score: number
}

/** A text with one that says the same or answers it, and perhaps some that do not. */
export interface ContrastiveTexts {
  readonly text: string
  readonly positive: string
  readonly negatives?: readonly string[] | null | undefined
}

/** What `sentenceSimilarity` may be told. */
export interface SentenceSimilarityTraining extends SentenceTextOptions {
  /** The loss of pairs with scores: `cosentLoss`, or the square error of the cosine. Default 'cosent'. */
  readonly scored?: 'cosent' | 'cosine' | undefined
  /** What cosines are multiplied by: 1 / temperature. Default 20. */
  readonly scale?: number | undefined
  /** Each positive finds its text, too. Default false. */
  readonly symmetric?: boolean | undefined
  /** Losses at several lengths of the vectors, so that these can be cut. Default: at their own alone. */
  readonly matryoshka?: MatryoshkaOptions | undefined
}

/** An example of `sentenceSimilarity`. */
export interface SentenceExample {
  readonly text: SentenceText
  /** Of a pair with a score its second text. */
  readonly positive: SentenceText
  readonly negatives: readonly SentenceText[]
  readonly score: number | undefined
}

/** A batch of `sentenceSimilarity`. */
export interface SentenceBatch {
  readonly texts: BatchTexts
  readonly scored: readonly SentenceExample[]
  readonly contrastive: readonly SentenceExample[]
}

/** A sentence encoder in the form that `train` takes: what is learned is its weights. */
export type TrainedSentences = Omit<LoadedEncoder, 'model'> & { readonly model: SentenceWeights }

/**
 * A sentence encoder as what `train` trains. What it gives is put back by `encoder.withWeights(model)`.
 *
 * @throws UsageError where matrices are quantized
 */
export function trainedSentences(encoder: SentenceEncoder): TrainedSentences {
  return { ...(encoder.loaded as LoadedEncoder), model: encoder.weights }
}

/**
 * Learns sentence embeddings: pairs with scores by CoSENT, texts with positives by in-batch negatives
 * (`inBatchNegativesLoss`) with their hard negatives. What says the same as a text or as its positive is no
 * negative of it. A batch of both kinds has the mean of both, by their numbers. Metrics of such:
 * `loss.scored`, `loss.contrastive`.
 *
 *     const encoder = await loadSentenceEncoder('all-MiniLM-L6-v2')
 *     const model = trainedSentences(encoder)
 *     const trained = await train({ model, objective: sentenceSimilarity(encoder), data, … })
 *     await saveSentenceEncoder('mine', encoder.withWeights(trained.model.model))
 *
 * @throws UsageError for options that make no sense
 */
export function sentenceSimilarity(
  encoder: SentenceEncoder,
  options: SentenceSimilarityTraining = {},
): Objective<ScoredPair | ContrastiveTexts, SentenceExample, SentenceBatch, SentenceWeights> {
  const known: Record<keyof SentenceSimilarityTraining, true> = {
    scored: true,
    scale: true,
    symmetric: true,
    matryoshka: true,
    chunkTokens: true,
    cached: true,
  }
  checkNames(name, options, Object.keys(known))
  const { scored = 'cosent', scale = 20, symmetric = false, matryoshka, chunkTokens } = options
  checkPositive(name, 'scale', scale)
  if (chunkTokens !== undefined) checkWhole(name, 'chunkTokens', chunkTokens, 1)
  if (scored !== 'cosent' && scored !== 'cosine')
    throw new UsageError({
      operation: name,
      expected: "scored to be 'cosent' or 'cosine'",
      found: inWords(scored),
      hint: "leave it out for 'cosent'",
    })
  const atLengths = <V extends readonly Vectors[]>(
    vectors: V,
    loss: (...own: V) => Tensor<never>,
  ): Tensor<never> =>
    matryoshka === undefined ? loss(...vectors) : matryoshkaLoss<V>(vectors, loss, matryoshka)
  const lossOfScored = (examples: readonly SentenceExample[], of: VectorsOf): Tensor<never> => {
    const targets = tensor(
      examples.map(({ score }) => score!),
      { batch: examples.length },
    )
    const both = [
      of(examples.map(({ text }) => text)),
      of(examples.map(({ positive }) => positive)),
    ] as readonly [Vectors, Vectors]
    return atLengths<readonly [Vectors, Vectors]>(both, (a, b) =>
      scored === 'cosine'
        ? cosineSimilarityLoss(a, b, targets)
        : cosentLoss(cosinesOf(a, b), targets, { scale }),
    )
  }
  const lossOfContrast = (examples: readonly SentenceExample[], of: VectorsOf): Tensor<never> => {
    const negatives = examples.flatMap((example) => example.negatives)
    const excluded = excludedOf(examples, negatives)
    const vectors = [
      of(examples.map(({ text }) => text)),
      of(examples.map(({ positive }) => positive)),
      ...(negatives.length > 0 ? [of(negatives)] : []),
    ]
    return atLengths(vectors, (...[a, b, far]) =>
      inBatchNegativesLoss(a!, b!, { scale, symmetric, negatives: far, excluded }),
    )
  }
  return {
    name,
    settings: { scored, scale, symmetric, matryoshka: matryoshka ?? null, maximum: encoder.settings.maximum },
    encode(record) {
      const of = (field: string, text: unknown): SentenceText => sentenceText(name, encoder, field, text)
      const text = of('text', record.text)
      if ('positive' in record && record.positive !== undefined) {
        const negatives = (record.negatives ?? []).map((one) => of('negatives', one))
        return [{ text, positive: of('positive', record.positive), negatives, score: undefined }]
      }
      const { pair, score } = record as ScoredPair
      if (typeof score !== 'number' || !Number.isFinite(score))
        throw wrongRecord(name, "'pair' and a number 'score', or 'positive'", inWords(score))
      return [{ text, positive: of('pair', pair), negatives: [], score }]
    },
    lengthOf: ({ text, positive, negatives }) =>
      [text, positive, ...negatives].reduce((sum, { tokens }) => sum + tokens.length, 0),
    collate: (examples) => ({
      texts: new BatchTexts(
        examples.flatMap(({ text, positive, negatives }) => [text, positive, ...negatives]),
        options,
      ),
      scored: examples.filter(({ score }) => score !== undefined),
      contrastive: examples.filter(({ score }) => score === undefined),
    }),
    loss(weights, { texts, scored: pairs, contrastive }, context) {
      const encoded = texts.encoded(encoder, weights, context, options)
      const of: VectorsOf = (some) => texts.of(encoded, some)
      const weight = pairs.length + contrastive.length
      const parts = [
        { name: 'loss.scored', examples: pairs, lossOf: lossOfScored },
        { name: 'loss.contrastive', examples: contrastive, lossOf: lossOfContrast },
      ]
        .filter(({ examples }) => examples.length > 0)
        .map(({ examples, lossOf, ...part }) => ({
          ...part,
          loss: lossOf(examples, of),
          count: examples.length,
        }))
      const [first] = parts
      return {
        loss:
          parts.length === 1
            ? first!.loss
            : parts.map(({ loss, count }) => loss.mul(count / weight)).reduce((sum, one) => sum.add(one)),
        weight,
        ...(parts.length > 1 && {
          metrics: Object.fromEntries(
            parts.map((part) => [part.name, { value: part.loss, weight: part.count }]),
          ),
        }),
      }
    },
  }
}

type VectorsOf = (texts: readonly SentenceText[]) => Vectors

/**
 * Which candidates are no negatives: those that say what the text or its positive says, and the positives of
 * other examples of the same text. Undefined where there are none.
 */
function excludedOf(
  examples: readonly SentenceExample[],
  negatives: readonly SentenceText[],
): Tensor<'batch' | 'candidate'> | undefined {
  const positives = new Map<string, Set<string>>()
  for (const { text, positive } of examples) {
    const known = positives.get(text.text)
    if (known === undefined) positives.set(text.text, new Set([positive.text]))
    else known.add(positive.text)
  }
  const candidates = [...examples.map(({ positive }) => positive.text), ...negatives.map(({ text }) => text)]
  const numbers = new Float32Array(examples.length * candidates.length)
  let some = false
  examples.forEach(({ text }, i) => {
    const same = positives.get(text.text)!
    candidates.forEach((candidate, j) => {
      if (j === i || (candidate !== text.text && !same.has(candidate))) return
      numbers[i * candidates.length + j] = 1
      some = true
    })
  })
  return some ? tensor(numbers, { batch: examples.length, candidate: candidates.length }) : undefined
}
