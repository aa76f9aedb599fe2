import { UsageError, type Decoder, type DecoderConfig, type LoadedEncoder, type Tokenizer } from 'heed'
import { attendTo, encoderAttention, firstTokens, readText } from '../attend.js'
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
export function watchedByEncoder<M extends LoadedEncoder['model']>(
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

/** Without the weights, which are those of the step. */
function languageOf({ family, architecture, config, attentions, tokenizer, stored }: LoadedEncoder) {
  return { family, architecture, config, attentions, tokenizer, stored }
}
