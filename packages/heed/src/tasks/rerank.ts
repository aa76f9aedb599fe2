/**
 * Documents by how well they answer a query: read together with it by a cross-encoder (Nogueira and Cho
 * 2019), compared as vectors, or token by token (Khattab and Zaharia 2020, "ColBERT").
 */
import { checkBooleans, checkNames, checkWhole, inWords, UsageError } from '../base/index.js'
import {
  isLateInteraction,
  type LoadedEncoder,
  maxSim,
  ofFamily,
  readCrossEncoder,
  readLateInteraction,
  readSentenceEncoder,
  type Running,
  type TokenRow,
  type TokenVectors,
} from '../models/index.js'
import type { Encoding } from '../text/index.js'
import { type Attention, encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { joinedAttention } from './joined-attention.js'
import { runTask, type TaskWork } from './run-task.js'
import { checkedTexts } from './sentence-similarity.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText } from './texts.js'
import { meetingsOf, type Meeting, tokenMap } from './token-map.js'

/** A query, and the documents that are put in order. */
export interface RerankInput {
  readonly query: string
  readonly documents: readonly string[]
}

/**
 * How documents are scored. `cross`: read together with the query. `embeddings`: by their vectors. `late`:
 * for each token of the query, the token of the document that is most like it.
 */
export type RerankMethod = 'cross' | 'embeddings' | 'late'
const methods: readonly RerankMethod[] = ['cross', 'embeddings', 'late']

/** How documents are put in order. */
export interface RerankOptions extends TaskOptions {
  /** How many are given, the best first. Default: all. */
  readonly top_k?: number | undefined
  /**
   * Default: `cross` where the model has a head that classifies, `late` where its files say that its vectors
   * are of tokens, else `embeddings`.
   */
  readonly method?: RerankMethod | undefined
  /** Whether results have their documents. Default true. */
  readonly return_documents?: boolean | undefined
}

/** A document and how well it answers. */
export interface RerankResult {
  /** Its number in the list. */
  readonly index: number
  readonly score: number
  readonly document?: string
  /** Of late interaction with `attention`: which token of the query met which of the document. */
  readonly meetings?: readonly Meeting[]
}

/** Documents of a query, the best first; of equals the first. */
export interface RerankPipeline extends TaskPipeline<'rerank', RerankInput> {
  <
    const Input extends RerankInput | readonly RerankInput[],
    const Options extends RerankOptions = Record<never, never>,
  >(
    input: Input,
    options?: Options & RerankOptions,
  ): Promise<TaskResult<Input, Options, RerankResult[]>>
}

/** What differs between methods. `P`: what is read; `V`: what the model makes of it. */
interface Scorer<P, V> {
  pieces(query: string, documents: readonly string[]): readonly P[]
  length(piece: P): number
  run(pieces: readonly P[]): readonly V[]
  /** A score for each document. */
  scores(made: readonly V[]): readonly number[]
  attention(document: number, pieces: readonly P[], made: readonly V[]): Attention
  meetings?(
    document: number,
    pieces: readonly P[],
    made: readonly V[],
    input: RerankInput,
  ): readonly Meeting[]
}

/** Throws UsageError where the model is no encoder. */
export function createRerank(opened: Opened): RerankPipeline {
  const task = 'rerank'
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  const made = new Map<RerankMethod, Scorer<unknown, unknown>>()
  const scorerOf = (method: RerankMethod): Scorer<unknown, unknown> => {
    const known = made.get(method) ?? (scorers[method](loaded) as Scorer<unknown, unknown>)
    made.set(method, known)
    return known
  }
  const usual: RerankMethod = isLateInteraction(loaded.stored.path)
    ? 'late'
    : loaded.config.head?.kind === 'classification'
      ? 'cross'
      : 'embeddings'
  const call = async (
    input: RerankInput | readonly RerankInput[],
    options: RerankOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'top_k', 'method', 'return_documents'])
    checkBooleans(task, options, ['return_documents'])
    const { top_k, method = usual, return_documents = true, attention = false } = options
    if (top_k !== undefined) checkWhole(task, 'top_k', top_k, 1)
    if (!methods.includes(method))
      throw new UsageError({
        operation: task,
        expected: `method, one of ${methods.join(', ')}`,
        found: inWords(method),
        hint: 'leave it out for what suits the model',
      })
    const scorer = scorerOf(method)
    const work: TaskWork<RerankInput, unknown, unknown, RerankResult[]> = {
      operation: task,
      pieces(one) {
        const { query, documents } = checked(task, one)
        return documents.length === 0 ? [] : scorer.pieces(query, documents)
      },
      length: (piece) => scorer.length(piece),
      run: (pieces) => scorer.run(pieces),
      result(one, outputs, pieces) {
        const { documents } = one
        const scores = documents.length === 0 ? [] : scorer.scores(outputs)
        const ranked = scores
          .map((score, index) => ({ index, score }))
          .sort((a, b) => b.score - a.score || a.index - b.index)
          .slice(0, top_k)
          .map(({ index, score }): RerankResult => ({
            index,
            score,
            ...(return_documents && { document: documents[index]! }),
            ...(attention && scorer.meetings && { meetings: scorer.meetings(index, pieces, outputs, one) }),
          }))
        if (!attention) return ranked
        const parts = ranked.map(
          ({ index }) => [`documents.${index}`, scorer.attention(index, pieces, outputs)] as const,
        )
        return Object.assign(ranked, { attention: joinedAttention(parts) })
      },
    }
    const isList = Array.isArray(input)
    const results = await runTask(work, isList ? input : [input as RerankInput], options)
    return isList ? results : results[0]
  }
  return callable<RerankPipeline>(task, opened, call, ({ query }) => query)
}

const scorers = { cross, embeddings, late } as const

function cross(loaded: Running<LoadedEncoder>): Scorer<Encoding, Float32Array> {
  const encoder = readCrossEncoder(loaded)
  if (encoder.labels !== 1)
    throw new UsageError({
      operation: 'rerank',
      expected: 'a cross-encoder of one score',
      found: `${encoder.labels} labels`,
      hint: "take text-classification, or give method: 'embeddings'",
    })
  return {
    pieces: (query, documents) => documents.map((document) => encoder.read([query, document])),
    length: ({ length }) => length,
    run: (pieces) => encoder.scoresOf(pieces),
    scores: (made) => made.map((scores) => scores[0]!),
    attention: (document, pieces) => encoderAttention(loaded, pieces[document]!),
  }
}

/** A text's tokens, and the name of the prompt in front of it. */
interface Prompted {
  readonly tokens: Encoding
  readonly promptName: string | undefined
}

function embeddings(loaded: Running<LoadedEncoder>): Scorer<Prompted, Float32Array> {
  const encoder = readSentenceEncoder(loaded)
  const read = (text: string, side: string): Prompted => {
    const promptName = encoder.settings.prompts.has(side) ? side : undefined
    return { tokens: encoder.tokens(text, { promptName }), promptName }
  }
  return {
    pieces: (query, documents) => [
      read(query, 'query'),
      ...documents.map((document) => read(document, 'document')),
    ],
    length: ({ tokens }) => tokens.length,
    run(pieces) {
      const made: Float32Array[] = []
      for (const promptName of new Set(pieces.map((piece) => piece.promptName))) {
        const own = [...pieces.keys()].filter((i) => pieces[i]!.promptName === promptName)
        const vectors = encoder.vectorsOf(
          own.map((i) => pieces[i]!.tokens),
          { promptName },
        )
        own.forEach((i, row) => (made[i] = vectors[row]!))
      }
      return made
    },
    scores: ([query, ...made]) => made.map((vector) => encoder.similarity(query!, vector)),
    attention: (document, pieces) =>
      joinedAttention([
        ['query', encoderAttention(loaded, pieces[0]!.tokens)],
        ['document', encoderAttention(loaded, pieces[document + 1]!.tokens)],
      ]),
  }
}

function late(loaded: Running<LoadedEncoder>): Scorer<TokenRow, TokenVectors> {
  const model = readLateInteraction(loaded)
  return {
    pieces: (query, documents) => [
      model.read(query, 'query'),
      ...documents.map((document) => model.read(document, 'document')),
    ],
    length: ({ ids }) => ids.length,
    run: (pieces) => model.vectorsOf(pieces),
    scores: ([query, ...made]) => made.map((document) => maxSim(query!, document).score),
    attention: (document, _, [query, ...made]) => tokenMap(loaded.tokenizer, query!, made[document]!),
    meetings: (document, _, [query, ...made], input) =>
      meetingsOf(loaded.tokenizer, [input.query, query!], [input.documents[document]!, made[document]!]),
  }
}

function checked(task: string, input: RerankInput): RerankInput {
  if (typeof input !== 'object' || input === null)
    throw new UsageError({
      operation: task,
      expected: 'an input { query, documents }',
      found: inWords(input),
      hint: 'give a text and a list of texts',
    })
  checkNames(task, input, ['query', 'documents'], 'an input')
  checkText(task, 'query', input.query)
  checkedTexts(task, 'documents', input.documents)
  return input
}
