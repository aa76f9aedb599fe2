import {
  UsageError,
  type Decoder,
  type DecoderConfig,
  type LoadedEncoder,
  type LoadedEncoderDecoder,
  type LoadedModel,
  type Tokenizer,
} from 'heed'
import { sourceIds } from 'heed/internals'
import { attendTo, encoderAttention, firstTokens, readText, writtenAttention } from '../attend.js'
import { countText } from '../format.js'
import { summaryOf } from '../model.js'
import { filmedTokens } from './film.js'
import type { WatchedText } from './recorder.js'

/** What `heed train --watch` looks at, of a decoder: a sentence, or as much of it as there is room for. */
export function watchedByDecoder(
  config: DecoderConfig,
  tokenizer: Tokenizer,
  sentence: string,
): WatchedText<Decoder> {
  const { context, layers, heads } = config
  const room = filmedTokens(layers * heads)
  const whole = readText(tokenizer, sentence)
  const text = firstTokens(whole, Math.min(context, room))
  const languageOf = (model: Decoder) => ({ model, config, tokenizer })
  return {
    scene: { text: text.text, tokens: text.ids.length, layers, heads },
    attend: (model) => attendTo(languageOf(model), text),
    summary: (model) => summaryOf('a decoder', languageOf(model)),
    note:
      text === whole
        ? undefined
        : `the sentence has ${countText(whole.ids.length)} tokens: the first ${countText(text.ids.length)} are watched, ` +
          (context <= room
            ? "as many as the model's context has"
            : 'as many as fit into a film of all heads'),
  }
}

/**
 * The same of an encoder: a text, or a pair of texts. @throws {UsageError} for a longer one than there is
 * room for
 */
function watchedByEncoder<M extends LoadedEncoder['model']>(
  loaded: LoadedEncoder,
  name: string,
  { text, pair }: { readonly text: string; readonly pair?: string | undefined },
): WatchedText<M> {
  const { config, tokenizer, attentions } = loaded
  const { heads, context } = config
  const layers = attentions.length
  const options = { padding: null, truncation: null, ...(pair !== undefined && { pair }) }
  const tokens = tokenizer.encode(text, options).ids.length
  const room = Math.min(context, filmedTokens(layers * heads))
  if (tokens > room)
    throw new UsageError({
      operation: 'watch',
      expected: `a text of at most ${room} tokens`,
      found: countText(tokens),
      hint: 'shorten the text of watch in the configuration',
    })
  return {
    scene: { text: pair === undefined ? text : `${text}\n${pair}`, tokens, layers, heads },
    attend: (model) => encoderAttention({ ...languageOf(loaded), model }, text, pair),
    summary: (model) => summaryOf(name, { model, config }),
  }
}

/** What is looked at of a model; undefined of a decoder, which has another. */
export function watchedBy(
  loaded: LoadedModel,
  name: string,
  watch: { readonly text: string; readonly pair?: string | undefined; readonly target?: string | undefined },
): WatchedText<LoadedModel['model']> | undefined {
  const watched =
    loaded.family === 'encoder'
      ? watchedByEncoder(loaded, name, watch)
      : loaded.family === 'encoder-decoder'
        ? watchedByEncoderDecoder(loaded, name, watch)
        : undefined
  // The model that is looked at has the family of this one.
  return watched as unknown as WatchedText<LoadedModel['model']> | undefined
}

/**
 * The same of an encoder-decoder: a text, and what is written for it. What each of its tokens attends to in
 * the text is kept. @throws {UsageError} for longer ones than there is room for, or a text without a target
 */
function watchedByEncoderDecoder<M extends LoadedEncoderDecoder['model']>(
  loaded: LoadedEncoderDecoder,
  name: string,
  { text, target }: { readonly text: string; readonly target?: string | undefined },
): WatchedText<M> {
  const { config, tokenizer } = loaded
  const refuse = (expected: string, found: string): never => {
    const hint = 'correct watch in the configuration'
    throw new UsageError({ operation: 'watch', expected, found, hint })
  }
  if (target === undefined) return refuse('a target beside the text', 'none')
  const source = sourceIds(config, readText(tokenizer, text, true).ids)
  const written = readText(tokenizer, target, true).ids
  const ids = [config.start ?? written.at(-1)!, ...written]
  const crossing = loaded.attentions.filter(({ kind }) => kind === 'cross')
  const heads = config.decoder.blocks[0]!.shape.heads
  const room = Math.min(config.context, filmedTokens(crossing.length * heads))
  const longest = Math.max(source.length, ids.length)
  if (longest > room) refuse(`texts of at most ${room} tokens`, countText(longest))
  const scene = { text: `${text}\n${target}`, tokens: ids.length, keys: source.length }
  return {
    scene: { ...scene, layers: crossing.length, heads },
    attend: (model) => ({
      ...writtenAttention({ ...languageOf(loaded), model }, [...source], ids, (kind) => kind === 'cross'),
      text: scene.text,
    }),
    summary: (model) => summaryOf(name, { model, config }),
  }
}

/** Without the weights, which are those of the step. */
function languageOf<L extends LoadedEncoder | LoadedEncoderDecoder>(loaded: L): Omit<L, 'model'> {
  const { model: _, ...others } = loaded
  return others
}
