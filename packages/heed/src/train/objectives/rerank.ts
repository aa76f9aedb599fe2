import { checkNames, inWords, UsageError } from '../../base/index.js'
import { type Encoder, encoderOutput, type LoadedEncoder } from '../../models/index.js'
import { binaryCrossEntropy, gather, slice, tensor, type Tensor } from '../../tensor/index.js'
import { listwiseLoss, rankNetLoss } from '../losses/index.js'
import type { Objective } from './objective.js'
import {
  encodedText,
  headOfKind,
  textEncoder,
  textField,
  type TextOptions,
  type TokenExample,
  tokenRows,
  type TokenRows,
  wrongRecord,
} from './texts.js'

const name = 'rerank'

/** A query and a document, and whether it fits: 1 or 0, or anything between. */
export interface RelevantPair {
  readonly text: string
  readonly pair: string
  readonly label: number
}

/** A query and documents that are ranked against each other. */
export interface RankedGroup {
  readonly query: string
  readonly documents: readonly string[]
  /** The places of those that fit, from 0. */
  readonly relevant: number | readonly number[]
}

/** What `rerank` may be told. */
export interface RerankTraining extends TextOptions {
  /** The loss of groups: `listwiseLoss` or `rankNetLoss`. Default 'listwise'. */
  readonly groups?: 'listwise' | 'pairwise' | undefined
  /** How much more a pair counts that fits; see `binaryCrossEntropy`. Default 1. */
  readonly positiveWeight?: number | undefined
}

/** An example: a pair with its label, or a group with the relevance of each of its documents. */
export interface RerankExample {
  readonly texts: readonly TokenExample[]
  readonly relevance: readonly number[]
  readonly isGroup: boolean
}

/** A batch of `rerank`: pairs first, then the documents of one group after the other. */
export interface RerankBatch extends TokenRows {
  /** The label of each pair; undefined without pairs. */
  readonly labels: Tensor<'batch'> | undefined
  /** Where the documents of each group stand, and their relevance; undefined without groups. */
  readonly groups:
    | { readonly places: Tensor<'query' | 'document'>; readonly relevance: Tensor<'query' | 'document'> }
    | undefined
}

/**
 * Learns how well documents fit queries, read together (Nogueira and Cho 2019, "Passage Re-ranking with
 * BERT"): pairs by binary cross-entropy, groups of one query by the softmax over their documents (Gao et al.
 * 2021, "Rethink Training of BERT Rerankers in Multi-Stage Retrieval Pipeline", eq. 4) or by RankNet. A batch
 * of both kinds has the mean of both, by their numbers. Metric: `accuracy`, of pairs on which side of 0 the
 * logit is, of groups whether what has the highest score fits.
 *
 * @param loaded an encoder with the head SequenceClassification of one label
 * @throws UsageError for another head, or options that make no sense
 */
export function rerank(
  loaded: LoadedEncoder,
  options: RerankTraining = {},
): Objective<RelevantPair | RankedGroup, RerankExample, RerankBatch, Encoder> {
  checkNames(name, options, ['maximum', 'groups', 'positiveWeight'] satisfies (keyof RerankTraining)[])
  const { groups: kind = 'listwise', positiveWeight } = options
  const { labels } = headOfKind(name, loaded, 'classification', 'SequenceClassification')
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation: name, expected, found, hint })
  }
  if (labels !== 1)
    refuse(
      'a head of one label',
      `${labels}`,
      "load it with head: { name: 'SequenceClassification', labels: ['score'] }",
    )
  if (kind !== 'listwise' && kind !== 'pairwise')
    refuse("groups to be 'listwise' or 'pairwise'", inWords(kind), "leave it out for 'listwise'")
  const texts = textEncoder(name, loaded, options)
  const read = (query: string, document: unknown): TokenExample => {
    const { ids, typeIds } = encodedText(name, texts, query, textField(name, 'document', document))
    return { ids, types: typeIds }
  }
  return {
    name,
    settings: { groups: kind, positiveWeight: positiveWeight ?? 1, maximum: texts.maximum },
    encode(record) {
      if (!('documents' in record)) {
        const { label } = record
        if (!(typeof label === 'number' && label >= 0 && label <= 1))
          throw wrongRecord(name, "'label' from 0 to 1, or 'documents'", inWords(label))
        const text = read(textField(name, 'text', record.text), record.pair)
        return [{ texts: [text], relevance: [label], isGroup: false }]
      }
      const { documents, relevant } = record
      const query = textField(name, 'query', record.query)
      const fits = new Set(typeof relevant === 'number' ? [relevant] : relevant)
      const wrong = [...fits].find(
        (place) => !Number.isInteger(place) || place < 0 || place >= documents.length,
      )
      if (fits.size === 0 || fits.size === documents.length || wrong !== undefined)
        throw wrongRecord(
          name,
          `'relevant' to name some of the ${documents.length} documents by their places, and not all`,
          String([...fits].slice(0, 10)) || 'none',
        )
      return [
        {
          texts: documents.map((document) => read(query, document)),
          relevance: documents.map((_, place) => (fits.has(place) ? 1 : 0)),
          isGroup: true,
        },
      ]
    },
    lengthOf: ({ texts: all }) => all.reduce((sum, { ids }) => sum + ids.length, 0),
    collate(examples) {
      const pairs = examples.filter(({ isGroup }) => !isGroup)
      const groups = examples.filter(({ isGroup }) => isGroup)
      return {
        ...tokenRows([...pairs, ...groups].flatMap((example) => example.texts)),
        labels:
          pairs.length === 0
            ? undefined
            : tensor(
                pairs.map(({ relevance }) => relevance[0]!),
                { batch: pairs.length },
              ),
        groups: groups.length === 0 ? undefined : groupsFrom(pairs.length, groups),
      }
    },
    loss(model, { ids, tokenTypes, rows, labels: right, groups }, { run }) {
      const output = encoderOutput(model, loaded.config, ids, { tokenTypes, rows, ...run })
      const logits = (output as Extract<typeof output, { readonly kind: 'classification' }>).logits.at(
        'label',
        0,
      )
      const count = right?.size('batch') ?? 0
      const queries = groups?.places.size('query') ?? 0
      const parts: { readonly loss: Tensor<never>; readonly weight: number; readonly right: number }[] = []
      if (right !== undefined) {
        const own = slice(logits, 'batch', 0, count)
        const found = own.values(['batch'])
        const truth = right.values(['batch'])
        parts.push({
          loss: binaryCrossEntropy(own, right, { positiveWeight }),
          weight: count,
          right: found.reduce((sum, x, i) => sum + (x > 0 === truth[i]! > 0.5 ? 1 : 0), 0),
        })
      }
      if (groups !== undefined) {
        const scores = gather(logits, groups.places, 'batch')
        const rank = kind === 'listwise' ? listwiseLoss : rankNetLoss
        parts.push({
          loss: rank(scores, groups.relevance),
          weight: queries,
          right: firstFits(scores, groups.relevance),
        })
      }
      const weight = count + queries
      return {
        loss: parts.map((part) => part.loss.mul(part.weight / weight)).reduce((sum, one) => sum.add(one)),
        weight,
        metrics: { accuracy: parts.reduce((sum, part) => sum + part.right, 0) / weight },
      }
    },
  }
}

/** Groups as a table: where each document's logit stands, from `first` on. */
function groupsFrom(first: number, groups: readonly RerankExample[]): NonNullable<RerankBatch['groups']> {
  const [query, document] = [groups.length, Math.max(...groups.map(({ texts }) => texts.length))]
  const places = new Int32Array(query * document)
  const relevance = new Float32Array(query * document).fill(-Infinity)
  let at = first
  groups.forEach((group, row) =>
    group.relevance.forEach((relevant, i) => {
      places[row * document + i] = at++
      relevance[row * document + i] = relevant
    }),
  )
  const shape = { query, document }
  return { places: tensor(places, shape, { dtype: 'i32' }), relevance: tensor(relevance, shape) }
}

/** Of how many queries the document of the highest score fits. */
function firstFits(scores: Tensor<'query' | 'document'>, relevance: Tensor<'query' | 'document'>): number {
  const order = ['query', 'document'] as const
  const [found, truth] = [scores.values(order), relevance.values(order)]
  const documents = scores.size('document')
  let right = 0
  for (let row = 0; row < found.length; row += documents) {
    let best = row
    for (let i = row; i < row + documents; i++)
      if (truth[i]! > -Infinity && found[i]! > found[best]!) best = i
    if (truth[best]! > 0) right++
  }
  return right
}
