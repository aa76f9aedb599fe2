import { describe, expect, test } from 'vitest'
import { collect } from '../../observe/index.js'
import { scope, type Tensor } from '../../tensor/index.js'
import {
  encoderOutput,
  encoderStates,
  readSentenceEncoder,
  readSparseEncoder,
  type SentenceEncoder,
  vectorSimilarity,
} from '../index.js'
import { dataText, hasReal, readReal, realNote, weightsFolder } from '../testing/real.js'
import { largestDifference } from '../testing/reference.js'
import { joinedTexts, tokensOf } from './tokens.js'

const minutes = 60_000

interface Sentence {
  readonly text: string
  readonly ids: readonly number[]
}

interface SentenceCases {
  readonly tolerance: Readonly<Record<string, number>>
  readonly sentences: readonly Sentence[]
  readonly hidden_states_of?: readonly number[]
  readonly states_of?: readonly number[]
  readonly stsb_dev_spearman: number
  readonly stsb_dev_pearson: number
  readonly search_first_300?: Figures
}

const dense = [
  { reference: 'minilm', weights: 'all-MiniLM-L6-v2' },
  { reference: 'mpnet', weights: 'all-mpnet-base-v2' },
]

describe.each(dense)(`$weights (${realNote})`, ({ reference, weights }) => {
  const there = hasReal(reference, weights)
  const read = (): { encoder: SentenceEncoder; real: ReturnType<typeof readReal<SentenceCases>> } => ({
    encoder: readSentenceEncoder(weightsFolder(weights)),
    real: readReal<SentenceCases>(reference),
  })

  test.skipIf(!there)('ids and embeddings', () => {
    const { encoder, real } = read()
    const { sentences, tolerance } = real.json
    const ids = sentences.map(({ text }) => [...tokensOf(encoder.settings, text).ids].join())
    expect(ids).toEqual(sentences.map((sentence) => sentence.ids.join()))
    const vectors = encoder.encode(sentences.map(({ text }) => text))
    expect(largestDifference(flat(vectors), real.numbers('embeddings'))).toBeLessThan(
      tolerance['embeddings']!,
    )
  })

  test.skipIf(!there)('states and filters', () => {
    const { encoder, real } = read()
    const { sentences, tolerance, hidden_states_of: states, states_of: listed = states! } = real.json
    const { model, config, attentions } = encoder.loaded
    for (const i of listed)
      scope(() => {
        const { ids } = joinedTexts([tokensOf(encoder.settings, sentences[i]!.text)])
        const { result, values } = collect(['blocks.*.residualBefore', 'blocks.*.attention.filter'], () =>
          encoderStates(model, config, ids),
        )
        const { layers } = config
        const each = Array.from({ length: layers }, (_, layer) => layer)
        const state = (layer: number): Tensor => values.get(`blocks.${layer}.residualBefore`) as Tensor
        const cls = [...each.map(state), result as never as Tensor].flatMap((x) => [
          ...x.at('position', 0).values(),
        ])
        const near = (found: ArrayLike<number>, name: string, most: number): void =>
          expect(largestDifference(found, real.numbers(`sentence${i}.${name}`)), name).toBeLessThan(most)
        near(cls, 'cls', tolerance['hidden states']!)
        near(result.slice('position', 0, 4).values(), 'last', tolerance['hidden states']!)
        const filter = (layer: number): Tensor => values.get(attentions[layer]!.name) as Tensor
        near(filter(0).values(['batch', 'head', 'query', 'key']), 'filter0', tolerance['filters']!)
        const rows = each.flatMap((layer) => [
          ...filter(layer).at('query', 0).values(['batch', 'head', 'key']),
        ])
        near(rows, 'filter_row_0_of_every_layer', tolerance['filters']!)
      })
  })

  test.skipIf(!there)(
    'cosines of STSb',
    () => {
      const { encoder, real } = read()
      const pairs = csv(dataText('stsb/dev.csv.gz'))
      const texts = pairs.flatMap(([a, b]) => [a!, b!])
      const vectors = encoder.encode(texts)
      const cosines = pairs.map((_, i) => vectorSimilarity(vectors[2 * i]!, vectors[2 * i + 1]!))
      expect(largestDifference(cosines, real.numbers('stsb_dev_cosine'))).toBeLessThan(1e-5)
      const gold = pairs.map(([, , score]) => Number(score))
      const found = correlation(ranksOf(cosines), ranksOf(gold))
      expect(Math.abs(found - real.json.stsb_dev_spearman)).toBeLessThan(real.json.tolerance['spearman']!)
      expect(Math.abs(correlation(cosines, gold) - real.json.stsb_dev_pearson)).toBeLessThan(1e-3)
    },
    10 * minutes,
  )
})

interface Figures {
  readonly 'nDCG@10': number
  readonly 'MRR@10': number
  readonly 'recall@1': number
  readonly 'recall@10': number
  readonly 'recall@100': number
}

interface SearchCases {
  readonly figures: Readonly<Record<string, { readonly all: Figures; readonly first_300: Figures }>>
}

interface Search {
  readonly paragraphs: readonly string[]
  readonly questions: readonly string[]
}

function search(count = Infinity): Search {
  const paragraphs = dataText('squad/dev-v1.1.jsonl.gz')
    .trim()
    .split('\n')
    .flatMap(
      (line) => (JSON.parse(line) as { paragraphs: { context: string; qas: { q: string }[] }[] }).paragraphs,
    )
    .slice(0, count)
  return {
    paragraphs: paragraphs.map(({ context }) => context),
    questions: paragraphs.map(({ qas }) => qas[0]!.q),
  }
}

describe(`search (${realNote})`, () => {
  test.skipIf(!hasReal('mpnet', 'all-mpnet-base-v2'))(
    'all-mpnet-base-v2, the first 300 questions',
    () => {
      const encoder = readSentenceEncoder(weightsFolder('all-mpnet-base-v2'))
      const { json, numbers } = readReal<SentenceCases>('mpnet')
      const { paragraphs, questions } = search(300)
      const [corpus, asked] = [encoder.encode(paragraphs), encoder.encode(questions)]
      const ranks = ranksIn(asked, corpus, (a, b) => vectorSimilarity(a, b, 'dot'))
      expectRanks(ranks, numbers('search.rank_of_first_300'), json.search_first_300!)
    },
    20 * minutes,
  )

  test.skipIf(!hasReal('search', 'all-MiniLM-L6-v2'))(
    'all-MiniLM-L6-v2',
    () => {
      const encoder = readSentenceEncoder(weightsFolder('all-MiniLM-L6-v2'))
      const { json, numbers } = readReal<SearchCases>('search')
      const { paragraphs, questions } = search()
      const [corpus, asked] = [encoder.encode(paragraphs), encoder.encode(questions)]
      const dot = (a: Float32Array, b: Float32Array): number => vectorSimilarity(a, b, 'dot')
      expectRanks(ranksIn(asked, corpus, dot), numbers('minilm.rank'), json.figures['minilm']!.all)
      expectRanks(
        ranksIn(asked.slice(0, 300), corpus.slice(0, 300), dot),
        numbers('minilm.rank_of_first_300'),
        json.figures['minilm']!.first_300,
      )
    },
    20 * minutes,
  )

  test.skipIf(!hasReal('search', 'splade-tiny'))(
    'splade-tiny',
    () => {
      const encoder = sparseEncoder()
      const { json, numbers } = readReal<SearchCases>('search')
      const { paragraphs, questions } = search()
      const [corpus, asked] = [encoder.encode(paragraphs), encoder.encode(questions)]
      const wide = new Float32Array(encoder.loaded.config.vocabulary)
      const scored = asked.map(({ ids, weights }) => {
        wide.fill(0)
        ids.forEach((id, i) => (wide[id] = weights[i]!))
        return corpus.map((document) =>
          document.ids.reduce((sum, id, i) => sum + wide[id]! * document.weights[i]!, 0),
        )
      })
      const ranks = scored.map((scores, own) => rankOf(scores, own))
      expectRanks(ranks, numbers('splade-tiny.rank'), json.figures['splade-tiny']!.all)
      const first = scored.slice(0, 300).map((scores, own) => rankOf(scores.slice(0, 300), own))
      expectRanks(first, numbers('splade-tiny.rank_of_first_300'), json.figures['splade-tiny']!.first_300)
    },
    20 * minutes,
  )
})

/** Texts are cut to 256 tokens, as the reference does. */
function sparseEncoder(): ReturnType<typeof readSparseEncoder> {
  const encoder = readSparseEncoder(weightsFolder('splade-tiny'))
  return Object.assign(encoder, { settings: { ...encoder.settings, maximum: 256 } })
}

interface SparseCases {
  readonly tolerance: Readonly<Record<string, number>>
  readonly states_of: readonly number[]
  readonly sentences: readonly (Sentence & { readonly non_zero: number })[]
  readonly masked: readonly Sentence[]
}

describe.skipIf(!hasReal('splade-tiny', 'splade-tiny'))(`splade-tiny (${realNote})`, () => {
  test('ids, weights and products', () => {
    const encoder = sparseEncoder()
    const { json, numbers } = readReal<SparseCases>('splade-tiny')
    const ids = json.sentences.map(({ text }) => [...tokensOf(encoder.settings, text).ids].join())
    expect(ids).toEqual(json.sentences.map((sentence) => sentence.ids.join()))
    const vectors = encoder.encode(json.sentences.map(({ text }) => text))
    vectors.forEach((vector, i) => {
      expect(Math.abs(vector.ids.length - json.sentences[i]!.non_zero)).toBeLessThanOrEqual(2)
      const terms = numbers(`sentence${i}.terms`)
      const weights = numbers(`sentence${i}.weights`)
      const own = new Map([...vector.ids].map((id, at) => [id, vector.weights[at]!]))
      const found = [...terms].map((id) => (id < 0 ? 0 : (own.get(id) ?? 0)))
      expect(largestDifference(found, weights)).toBeLessThan(json.tolerance['weights']!)
    })
    const products = vectors.flatMap((a) => vectors.map((b) => encoder.similarity(a, b)))
    expect(largestDifference(products, numbers('similarity'))).toBeLessThan(1e-4)
  })

  test('states, filters and masked tokens', () => {
    const { loaded, settings } = sparseEncoder()
    const { json, numbers } = readReal<SparseCases>('splade-tiny')
    const { model, config, attentions } = loaded
    const near = (found: ArrayLike<number>, name: string, kind: string): void =>
      expect(largestDifference(found, numbers(name)), name).toBeLessThan(json.tolerance[kind]!)
    const logits = (found: Tensor, name: string): void => {
      const values = found.values(['batch', 'position', 'vocabulary'])
      const ids = numbers(`${name}.top_ids`)
      const top = [...ids].map((id, i) => values[Math.floor(i / 10) * config.vocabulary + id]!)
      near(top, `${name}.top_logits`, 'logits')
    }
    for (const i of json.states_of)
      scope(() => {
        const { ids } = joinedTexts([tokensOf(settings, json.sentences[i]!.text)])
        const { result, values } = collect(['blocks.*.residualBefore', 'blocks.*.attention.filter'], () =>
          encoderStates(model, config, ids),
        )
        for (let layer = 0; layer < config.layers; layer++) {
          const state = values.get(`blocks.${layer}.residualBefore`) as Tensor
          near(state.values(['position', 'batch', 'width']), `sentence${i}.hidden.${layer}`, 'hidden states')
          const filter = values.get(attentions[layer]!.name) as Tensor
          near(filter.values(['batch', 'head', 'query', 'key']), `sentence${i}.filter.${layer}`, 'filters')
        }
        near(
          result.values(['batch', 'position', 'width']),
          `sentence${i}.hidden.${config.layers}`,
          'hidden states',
        )
        const made = encoderOutput(model, config, ids)
        logits((made as { logits: unknown }).logits as Tensor, `sentence${i}`)
      })
    json.masked.forEach(({ text, ids: expected }, i) =>
      scope(() => {
        const encoding = settings.tokenizer.encode(text, {
          specials: 'allow',
          truncation: null,
          padding: null,
        })
        expect([...encoding.ids].join()).toBe(expected.join())
        const at = encoding.ids.indexOf(settings.tokenizer.id('[MASK]')!)
        const made = encoderOutput(model, config, joinedTexts([encoding]).ids)
        const all = (made as { logits: unknown }).logits as Tensor
        logits(all.slice('position', at, at + 1), `masked${i}`)
      }),
    )
  })
})

const flat = (vectors: readonly ArrayLike<number>[]): number[] => vectors.flatMap((one) => Array.from(one))

/** The rank of each query's own document among all. */
function ranksIn<V>(queries: readonly V[], documents: readonly V[], score: (a: V, b: V) => number): number[] {
  return queries.map((query, own) =>
    rankOf(
      documents.map((document) => score(query, document)),
      own,
    ),
  )
}

/** 1 + documents with a higher score + earlier ones with the same. */
function rankOf(scores: readonly number[], own: number): number {
  const mine = scores[own]!
  return 1 + scores.filter((score, i) => score > mine || (score === mine && i < own)).length
}

function expectRanks(found: readonly number[], expected: Float32Array, figures: Figures): void {
  const equal = found.filter((rank, i) => rank === expected[i]).length
  expect(equal / found.length).toBeGreaterThanOrEqual(0.99)
  const mean = (of: (rank: number) => number): number =>
    found.reduce((sum, rank) => sum + of(rank), 0) / found.length
  const own: Figures = {
    'nDCG@10': mean((rank) => (rank <= 10 ? 1 / Math.log2(1 + rank) : 0)),
    'MRR@10': mean((rank) => (rank <= 10 ? 1 / rank : 0)),
    'recall@1': mean((rank) => (rank <= 1 ? 1 : 0)),
    'recall@10': mean((rank) => (rank <= 10 ? 1 : 0)),
    'recall@100': mean((rank) => (rank <= 100 ? 1 : 0)),
  }
  for (const [name, value] of Object.entries(figures))
    expect(Math.abs(own[name as keyof Figures] - value), name).toBeLessThan(0.002)
}

/** Rows of a CSV file, fields in quotes among them. */
function csv(text: string): string[][] {
  return text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
        ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!,
      ),
    )
}

/** The rank of each number; equals share the mean of theirs. */
function ranksOf(numbers: readonly number[]): number[] {
  const order = numbers.map((_, i) => i).sort((a, b) => numbers[a]! - numbers[b]!)
  const ranks = new Array<number>(numbers.length)
  for (let start = 0; start < order.length;) {
    let end = start + 1
    while (end < order.length && numbers[order[end]!] === numbers[order[start]!]) end++
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + end + 1) / 2
    start = end
  }
  return ranks
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length
  const [meanA, meanB] = [mean(a), mean(b)]
  let [products, squaresA, squaresB] = [0, 0, 0]
  a.forEach((one, i) => {
    const [x, y] = [one - meanA, b[i]! - meanB]
    products += x * y
    squaresA += x * x
    squaresB += y * y
  })
  return products / Math.sqrt(squaresA * squaresB)
}
