import { pipeline, type Attention } from 'heed'
import { present, textAttended, tokensMet, wordsMet } from '../attended.js'
import { textIn, textsIn, type RunnableTask } from './task.js'

interface Found {
  readonly index: number
  readonly score: number
  readonly sentence: string
}

/** `sentence-similarity`: the nearest sentences first. */
export const sentenceSimilarity: RunnableTask = {
  async run(run, inputs, options) {
    const longest = inputs.reduce((most, fields) => Math.max(most, textsIn(fields, 'sentences').length), 1)
    return (await run(inputs, { top_k: longest, ...options })) as readonly unknown[]
  },
  parts(fields, result) {
    return [
      { kind: 'text', text: textIn(fields, 'source_sentence') },
      {
        kind: 'bars',
        rows: (result as readonly Found[]).map(({ sentence: text, score }) => ({ text, score })),
      },
    ]
  },
  attended(_, result, attention) {
    const [nearest] = result as readonly Found[]
    return present(
      textAttended('what the sentence attended to', attention, 'source'),
      nearest === undefined
        ? undefined
        : textAttended('what the nearest attended to', attention, `sentences.${nearest.index}`),
    )
  },
}

interface Ranked {
  readonly index: number
  readonly score: number
  readonly document?: string
}

/** `rerank`: documents, the best first. What was attended is that of the best. */
export const rerank: RunnableTask = {
  async run(run, inputs, { attention, ...options }) {
    const results = (await run(inputs, options)) as readonly unknown[]
    if (attention !== true) return results
    const { signal, progress: _, ...others } = options
    // The head of a cross-encoder is a classifier's: as such it says which token is of which text.
    const isCross = run.model.family === 'encoder' && run.model.config.head?.kind === 'classification'
    const classify = isCross ? await pipeline('text-classification', run.model) : undefined
    return Promise.all(
      results.map(async (result, i) => {
        const [best] = result instanceof Error ? [] : (result as readonly Ranked[])
        if (best === undefined) return result
        const query = textIn(inputs[i]!, 'query')
        const document = textsIn(inputs[i]!, 'documents')[best.index]!
        const attended = (
          classify === undefined
            ? await run({ query, documents: [document] }, { ...others, signal, attention: true })
            : await classify({ text: query, text_pair: document }, { attention: true })
        ) as { readonly attention: Attention }
        return Object.assign(result as object, { attention: attended.attention })
      }),
    )
  },
  parts(fields, result) {
    const documents = textsIn(fields, 'documents')
    return [
      { kind: 'text', text: textIn(fields, 'query') },
      {
        kind: 'bars',
        rows: (result as readonly Ranked[]).map(({ index, score }) => ({ text: documents[index]!, score })),
      },
    ]
  },
  attended(fields, result, attention) {
    const [best] = result as readonly Ranked[]
    if (attention.tokens !== undefined)
      return present(
        wordsMet('which words of the query (columns) those of the best document attended to', attention, [
          textIn(fields, 'query'),
          textsIn(fields, 'documents')[best?.index ?? 0],
        ]),
      )
    if (Object.keys(attention.filters).some((name) => name.endsWith('lateInteraction')))
      return present(
        tokensMet('how alike tokens of the query and of the best document (columns) are', attention),
      )
    return present(
      textAttended('what the query attended to', attention, 'documents.0.query'),
      textAttended('what the best document attended to', attention, 'documents.0.document'),
    )
  },
}

interface Features {
  readonly dims: readonly number[]
  readonly data: ArrayLike<number>
  tolist(): readonly unknown[]
}

/** Numbers of a vector that are shown. */
const shownNumbers = 8

/** `feature-extraction`: the vector of a text, or of each of its tokens. */
export const featureExtraction: RunnableTask = {
  defaults: { pooling: 'model' },
  // There is one text: the vector itself, or a list of its tokens' vectors.
  json: (result) => (result as Features).tolist()[0],
  async respond(run, inputs, options) {
    const results = (await run(
      inputs.map((fields) => textIn(fields, 'text')),
      { pooling: 'model', ...options },
    )) as readonly (Features | Error)[]
    return results.map((features, i) =>
      features instanceof Error
        ? features
        : {
            embedding: features.tolist()[0],
            prompt_tokens: run.model.tokenizer.encode(textIn(inputs[i]!, 'text'), { padding: null }).length,
          },
    )
  },
  parts: (fields, result) => [
    { kind: 'text', text: textIn(fields, 'text') },
    { kind: 'text', text: vectorText(result, 'token') },
  ],
}

/** The first numbers of a vector, or of the first of several: one of each such part. */
export function vectorText(result: unknown, part: string): string {
  const rows = result as readonly number[] | readonly (readonly number[])[]
  const isOne = typeof rows[0] === 'number'
  const vectors = (isOne ? [rows] : rows) as readonly (readonly number[])[]
  const [first = []] = vectors
  const numbers = first.slice(0, shownNumbers).map((value) => value.toFixed(4))
  const length = Math.sqrt(first.reduce((sum, value) => sum + value * value, 0))
  const count = isOne ? '' : `${vectors.length} vectors, one a ${part}; the first: `
  const rest = first.length > shownNumbers ? ' …' : ''
  return `${count}${numbers.join(' ')}${rest}\n${first.length} numbers, length ${length.toFixed(4)}`
}
