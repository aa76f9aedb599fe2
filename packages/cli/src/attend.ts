import {
  sourceIds,
  collect,
  decoderStates,
  encodeSource,
  encoderStates,
  headScores,
  likeliest,
  logitsOf,
  scope,
  tensor,
  tokenLabels,
  UsageError,
  targetStates,
  type LoadedEncoder,
  type LoadedEncoderDecoder,
  type Running,
  type Tensor,
  type Tokenizer,
} from 'heed'
import { attentionResult, type AttendResult, type LayerView, type Token } from '@heed/studio'
import { writeOn, writerOf } from './generate.js'
import type { NamedModel, RunnableModel } from './model.js'
import { jsonText } from './terminal.js'

/** How many next tokens are kept. */
export const nextTokens = 10

/** A text as its tokens. */
export interface ReadText {
  readonly text: string
  readonly ids: Int32Array
  /** Where each token stands in the text: begin and end of token i at 2i and 2i + 1, in UTF-16 units. */
  readonly spans: Int32Array
}

/** A text as a model reads it. heed's own decoders get no token before it, others what they begin with. */
export function readText(tokenizer: Tokenizer, text: string, addSpecial = false): ReadText {
  const { ids, spans } = tokenizer.encode(text, { addSpecial, padding: null, truncation: null })
  return { text, ids, spans }
}

/** The beginning of a text, at most so many tokens. */
export function firstTokens(whole: ReadText, most: number): ReadText {
  const { text, ids, spans } = whole
  if (ids.length <= most) return whole
  const kept = spans.slice(0, 2 * most)
  return { text: text.slice(0, Math.max(0, ...kept)), ids: ids.slice(0, most), spans: kept }
}

/** The end of a text, at most so many tokens. */
export function lastTokens(whole: ReadText, most: number): ReadText {
  const { text, ids, spans } = whole
  const left = ids.length - most
  if (left <= 0) return whole
  const begin = spans[2 * left]!
  return {
    text: text.slice(begin),
    ids: ids.slice(left),
    spans: spans.slice(2 * left).map((at) => at - begin),
  }
}

/** The text of token ids, as a model wrote them: what no token stands for is left out of it. */
export function textOfIds(tokenizer: Tokenizer, ids: ArrayLike<number>): ReadText {
  const spans = new Int32Array(2 * ids.length)
  const decoder = tokenizer.stream()
  let text = ''
  // Tokens that share a character share its span: those from `first` on have a part of the one that comes.
  let first = 0
  const close = (last: number): void => {
    for (let i = first; i < last; i++) {
      const begin = spans[2 * i]!
      spans[2 * i + 1] = Math.min(text.length, begin + ((text.codePointAt(begin) ?? 0) > 0xffff ? 2 : 1))
    }
    spans[2 * last + 1] = text.length
    first = last + 1
  }
  for (let i = 0; i < ids.length; i++) {
    spans[2 * i] = text.length
    const piece = tokenizer.token(ids[i]!) === undefined ? '' : decoder.push(ids[i]!)
    text += piece
    if (piece !== '') close(i)
  }
  text += decoder.end()
  if (first < ids.length) close(ids.length - 1)
  return { text, ids: Int32Array.from(ids), spans }
}

/** What `attend` may be given beside the text. */
export interface AttendTexts {
  /** A second text, for an encoder of pairs. */
  readonly pair?: string | undefined
  /** The text that an encoder-decoder is to make of the first; default: what it writes. */
  readonly target?: string | undefined
}

/**
 * A text, how every head of a model attends to it, and, of a decoder, what comes next.
 *
 * @throws {UsageError} for an empty text, and for one longer than the model's context
 */
export async function attend(
  language: NamedModel,
  text: string,
  { pair, target }: AttendTexts = {},
): Promise<AttendResult> {
  if (language.family !== 'encoder' && pair !== undefined)
    refuseTexts('no --pair', `'${language.name}', which reads one text`)
  if (language.family !== 'encoder-decoder' && target !== undefined)
    refuseTexts('no --target', `'${language.name}', which is no encoder-decoder`)
  if (language.family === 'decoder')
    return attendTo(language, readText(language.tokenizer, text, language.architecture !== undefined))
  if (language.family === 'encoder') return encoderAttention(language, text, pair)
  if (language.family === 'encoder-decoder') return encoderDecoderAttention(language, text, target)
  return refuseTexts('a model that reads texts alone', `'${language.name}', which reads pictures`)
}

type Half = 'source' | 'target'

/** The source among itself, the target among itself, and the target to the source. */
async function encoderDecoderAttention(
  language: NamedModel<LoadedEncoderDecoder>,
  text: string,
  target: string | undefined,
): Promise<AttendResult> {
  const { tokenizer, config } = language
  const source = sourceIds(config, readText(tokenizer, text, true).ids)
  const writer = writerOf(language)
  const start = writer.begin([text]).ids[0]!
  const written =
    target === undefined
      ? (await writeOn(writer, [text], { temperature: 0 }))[0]!.ids
      : readText(tokenizer, target, true).ids
  return writtenAttention(language, source, [...start, ...written])
}

/**
 * How a text that is written, and what it is written from, are attended to.
 *
 * @param ids of the text, from the token that starts it on
 * @param chosen which attentions; default all
 */
export function writtenAttention(
  { tokenizer, model, config, attentions }: Running<LoadedEncoderDecoder>,
  source: readonly number[],
  ids: readonly number[],
  chosen: (kind: 'self' | 'cross') => boolean = () => true,
): AttendResult {
  const limit = Math.min(config.context, 1024)
  checkLength(source.length, limit)
  checkLength(ids.length, limit)
  const batch = (numbers: ArrayLike<number>): Tensor<'batch' | 'position'> =>
    tensor(Int32Array.from(numbers), { batch: 1, position: numbers.length }, { dtype: 'i32' })
  return scope(() => {
    const shown = attentions.filter(({ kind }) => chosen(kind))
    const { values } = collect(
      shown.map(({ name }) => name),
      () => targetStates(model, config, batch(ids), encodeSource(model, config, batch(source))),
    )
    const labels = { source: tokenLabels(tokenizer, source), target: tokenLabels(tokenizer, ids) }
    return attentionResult(
      values,
      Object.fromEntries(
        shown.map(({ name, queries, keys }) => [
          name,
          { query: labels[queries as Half], key: labels[keys as Half] },
        ]),
      ),
    )
  })
}

/** A text, or a pair of texts, and how every head of an encoder attends to it. */
export function encoderAttention(
  language: Running<LoadedEncoder>,
  text: string,
  pair: string | undefined,
): AttendResult {
  const { tokenizer, model, config, attentions } = language
  const { ids, typeIds, spans } = tokenizer.encode(text, {
    padding: null,
    ...(pair !== undefined && { pair }),
  })
  checkLength(ids.length, config.context)
  return scope(() => {
    const shape = { batch: 1, position: ids.length }
    const { values } = collect(
      attentions.map(({ name }) => name),
      () =>
        encoderStates(model, config, tensor(ids, shape, { dtype: 'i32' }), {
          tokenTypes: tensor(typeIds, shape, { dtype: 'i32' }),
        }),
    )
    const result = attentionResult(values, tokenLabels(tokenizer, ids))
    if (pair !== undefined) return result
    // The text as it was given, and where each token stands in it.
    const tokens = result.tokens.map((token, i) => ({
      ...token,
      id: ids[i]!,
      start: spans[2 * i]!,
      end: spans[2 * i + 1]!,
    }))
    const layers = result.layers.map((layer) => ({ ...layer, queries: tokens, keys: tokens }))
    return { ...result, text, tokens, layers }
  })
}

function refuseTexts(expected: string, found: string): never {
  throw new UsageError({ operation: 'attend', expected, found, hint: 'see heed attend --help' })
}

/** The same of a text whose tokens are known. @throws {UsageError} as `attend` does */
export function attendTo(
  language: RunnableModel,
  { text, ids, spans }: ReadText,
  next: number = nextTokens,
): AttendResult {
  const { tokenizer, config, model } = language
  checkLength(ids.length, config.context)
  const tokens = Array.from(ids, (id, index): Token => ({
    id,
    // A model may know more ids than its tokenizer has tokens.
    text: tokenizer.token(id) === undefined ? '' : tokenLabels(tokenizer, [id])[0]!,
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
    const logits = logitsOf(model, config, states.slice('position', ids.length - 1, ids.length)).values()
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
    layers: layers.map(({ name, queries, keys, heads }) => ({
      ...(name !== undefined && { name }),
      ...(queries !== undefined && { queries: queries.map(({ text }) => wellFormed(text)) }),
      ...(keys !== undefined && { keys: keys.map(({ text }) => wellFormed(text)) }),
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
