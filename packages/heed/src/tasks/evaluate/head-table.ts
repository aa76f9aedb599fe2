/** What each head does with texts, in five numbers: the table by which heads are told apart. */
import { checkNames, pause, UsageError } from '../../base/index.js'
import {
  decoderStates,
  encoderStates,
  encodeSource,
  joinedTexts,
  type LoadedEncoderDecoder,
  type Running,
} from '../../models/index.js'
import { collect, headScores, type HeadScores } from '../../observe/index.js'
import { scope } from '../../tensor/index.js'
import { type EvaluateOptions, stopIfAsked } from './evaluation.js'

/** One head's scores, each the mean over texts. */
export interface HeadRow extends HeadScores {
  /** The attention's name, such as `blocks.3.attention.filter`. */
  readonly attention: string
  readonly layer: number
  readonly head: number
  /**
   * Of two texts that are read together: the mean weight of a text's tokens on those of the other, 0 to 1.
   */
  readonly other: number
}

/** Tokens of a text at most: a filter has their square. */
const longestText = 256

/**
 * `headScores` of each head of a model's self-attentions (of an encoder-decoder, its encoder's), and how much
 * it goes from one of two texts to the other: the mean over texts.
 *
 * @param texts a text, or two that are read together; of those that are longer than 256 tokens the beginning
 * @throws UsageError where there is none
 */
export async function headTable(
  loaded: Running,
  texts: readonly (string | readonly [text: string, pair: string])[],
  options: Pick<EvaluateOptions, 'signal' | 'progress'> = {},
): Promise<HeadRow[]> {
  checkNames('headTable', options, ['signal', 'progress'])
  const { family } = loaded
  if (family !== 'encoder' && family !== 'decoder' && family !== 'encoder-decoder')
    throw new UsageError({
      operation: 'headTable',
      expected: 'a model of texts',
      found: `one of the family '${family}'`,
      hint: 'take an encoder, a decoder or an encoder-decoder',
    })
  if (texts.length === 0)
    throw new UsageError({
      operation: 'headTable',
      expected: 'at least one text',
      found: 'none',
      hint: 'give texts of the kind that the model reads',
    })
  const { tokenizer, config } = loaded
  const places = loaded.attentions.filter(
    ({ name, kind }) =>
      kind === 'self' && (loaded.family !== 'encoder-decoder' || name.startsWith('encoder.')),
  )
  const rows = new Map<string, { -readonly [K in keyof HeadRow]: HeadRow[K] }>()
  for (const [done, text] of texts.entries()) {
    await pause()
    stopIfAsked(options.signal)
    const [first, pair] = typeof text === 'string' ? [text] : text
    const encoding = tokenizer.encode(first!, {
      ...(pair !== undefined && { pair }),
      truncation: {
        max_length: Math.min(longestText, config.context),
        strategy: 'LongestFirst',
        direction: 'Right',
        stride: 0,
      },
      padding: null,
    })
    if (encoding.length === 0) continue
    scope(() => {
      const { ids, tokenTypes } = joinedTexts([encoding])
      const { values } = collect(
        places.map(({ name }) => name),
        () => {
          if (loaded.family === 'encoder')
            return encoderStates(loaded.model, loaded.config, ids, { tokenTypes })
          if (loaded.family === 'decoder') return decoderStates(loaded.model, loaded.config, ids)
          return encodeSource(
            (loaded as Running<LoadedEncoderDecoder>).model,
            (loaded as Running<LoadedEncoderDecoder>).config,
            ids,
          )
        },
      )
      places.forEach(({ name }, layer) => {
        const filters = values.get(name)!.withAxes('batch', 'head', 'query', 'key').at('batch', 0)
        for (let head = 0; head < filters.size('head'); head++) {
          const key = `${name} ${head}`
          const row = rows.get(key) ?? {
            attention: name,
            layer,
            head,
            entropy: 0,
            previous: 0,
            first: 0,
            induction: 0,
            other: 0,
          }
          rows.set(key, row)
          const filter = filters.at('head', head).values(['query', 'key'])
          const scores = headScores(filter, encoding.ids)
          for (const score of scoreNames) row[score] += scores[score] / texts.length
          row.other += otherText(filter, encoding.sequenceIds) / texts.length
        }
      })
    })
    options.progress?.(done + 1, texts.length)
  }
  return [...rows.values()]
}

const scoreNames: readonly (keyof HeadScores)[] = ['entropy', 'previous', 'first', 'induction']

/**
 * Mean weight of the tokens of each text on those of the other.
 *
 * @param filter query × key weights
 * @param texts the text that each token is of; −1 for what a template put there
 */
function otherText(filter: ArrayLike<number>, texts: Int32Array): number {
  const own = [...texts.keys()].filter((at) => texts[at]! >= 0)
  let sum = 0
  for (const query of own)
    for (const key of own) if (texts[key] !== texts[query]) sum += filter[query * texts.length + key]!
  return sum / Math.max(1, own.length)
}
