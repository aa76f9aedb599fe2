import {
  collect,
  decoderStates,
  headScores,
  likeliest,
  logitsOf,
  scope,
  tensor,
  tokenLabels,
  UsageError,
  type Tensor,
} from 'heed'
import type { AttendResult, LayerView, Token } from '@heed/studio'
import type { RunnableModel } from './model.js'
import { jsonText } from './terminal.js'

/** How many next tokens are kept. */
export const nextTokens = 10

/**
 * A text, how every head of a model attends to it, and what comes next. No token is put before the text.
 *
 * @throws {UsageError} for an empty text, and for one longer than the model's context
 */
export function attend(language: RunnableModel, text: string, next: number = nextTokens): AttendResult {
  const { tokenizer, config, model } = language
  const { ids, spans } = tokenizer.encode(text, { addSpecial: false })
  checkLength(ids.length, config.context)
  const labels = tokenLabels(tokenizer, ids)
  const tokens = Array.from(ids, (id, index): Token => ({
    id,
    text: labels[index]!,
    start: spans[2 * index]!,
    end: spans[2 * index + 1]!,
  }))
  return scope(() => {
    const input = tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
    const { result: states, values } = collect(['blocks.*.attention.filter'], () =>
      decoderStates(model, config, input),
    )
    const layers = Array.from({ length: config.layers }, (_, layer) => {
      const filter = values.get(`blocks.${layer}.attention.filter`)!
      return layerView(filter.withAxes('batch', 'head', 'query', 'key'), ids)
    })
    const logits = logitsOf(model, states.slice('position', ids.length - 1, ids.length)).values()
    return {
      text,
      tokens,
      layers,
      next: likeliest(logits.subarray(0, tokenizer.size), next).map(({ id, probability }) => ({
        id,
        text: tokenLabels(tokenizer, [id])[0]!,
        probability,
      })),
    }
  })
}

function checkLength(tokens: number, context: number): void {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation: 'attend', expected, found, hint })
  }
  if (tokens === 0) refuse('a text of at least one token', 'an empty one', 'give a sentence')
  if (tokens > context) {
    refuse(`a text of at most ${context} tokens, the model's context`, `${tokens} tokens`, 'shorten it')
  }
}

function layerView(filter: Tensor<'batch' | 'head' | 'query' | 'key'>, ids: Int32Array): LayerView {
  const tokens = ids.length
  const weights = filter.at('batch', 0).values(['head', 'query', 'key'])
  const heads = Array.from({ length: filter.size('head') }, (_, head) => {
    const own = weights.subarray(head * tokens * tokens, (head + 1) * tokens * tokens)
    return {
      filter: Array.from({ length: tokens }, (__, query) =>
        Array.from(own.subarray(query * tokens, (query + 1) * tokens)),
      ),
      ...headScores(own, ids),
    }
  })
  return { heads }
}

/** The result as JSON; weights and scores to seven digits, which is all that 32-bit floats have. */
export function attendJson(result: AttendResult): string {
  const seven = (value: number): number => Number(value.toPrecision(7))
  const { text, tokens, layers, next } = result
  return jsonText({
    text,
    tokens: tokens.map(({ id, text, start, end }) => ({ id, text: wellFormed(text), start, end })),
    layers: layers.map(({ heads }) => ({
      heads: heads.map(({ filter, entropy, previous, first, induction }) => ({
        filter: filter.map((row) => row.map(seven)),
        entropy: seven(entropy),
        previous: seven(previous),
        first: seven(first),
        induction: seven(induction),
      })),
    })),
    next: next.map(({ id, text, probability }) => ({
      id,
      text: wellFormed(text),
      probability: seven(probability),
    })),
  })
}

/** Bytes that are part of no character as U+FFFD: not every reader of JSON takes lone surrogates. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd')
}
