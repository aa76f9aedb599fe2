/** What a model's tokens attended to, in the form in which `@heed/studio` draws it. */
import { collect } from '../observe/index.js'
import { encoderStates, type LoadedEncoder, type Running } from '../models/index.js'
import { type AnyTensor, keep, scope, type Tensor } from '../tensor/index.js'
import { type Encoding, tokenLabels } from '../text/index.js'
import type { Picture } from '../vision/index.js'
import { packed } from './texts.js'

/** The texts that label a filter's queries and keys: one list where they are the same positions. */
export type FilterLabels =
  | readonly string[]
  | { readonly query: readonly string[]; readonly key: readonly string[] }

/** A filter: how much each query attends to each key, of each head. */
export type Filter = Tensor<'head' | 'query' | 'key'>

/**
 * Filters by name, and the labels of their positions. `attentionPage(filters, labels)` and `attentionText` of
 * `@heed/studio` draw them. The tensors live until they are disposed of or are garbage.
 */
export interface Attention {
  /** Such as `blocks.0.attention.filter`. */
  readonly filters: Readonly<Record<string, Filter>>
  /** Of all filters, or of those that a pattern names, `*` standing for any one part of a name. */
  readonly labels: FilterLabels | Readonly<Record<string, FilterLabels>>
  /** The tokens of an encoder's text, which label queries and keys. */
  readonly tokens?: readonly AttendedToken[] | undefined
  /** The picture that patches of are queries or keys. */
  readonly patches?: AttendedPatches | undefined
}

/** The patches of a picture, as positions that attend and are attended to. */
export interface AttendedPatches {
  /** As the model got it: resized and cropped. */
  readonly picture: Picture
  readonly rows: number
  readonly columns: number
  /** Height and width of a patch, in pixels. */
  readonly patch: number
  /** Positions in front of the patches: tokens that stand for the whole picture. */
  readonly before: number
  /** Names of the filters whose queries are patches, and of those whose keys are. */
  readonly queries: readonly string[]
  readonly keys: readonly string[]
}

/** A token, and where it stands. */
export interface AttendedToken {
  readonly id: number
  /** As pictures label it. */
  readonly text: string
  /** Which text of a pair it is of, 0 or 1; −1 where the tokenizer's template put it. */
  readonly sequence: number
  /** The word of its text, counted from 0; −1 for one of the template. */
  readonly word: number
  /** Its place in its text, [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/** Each layer's filters of one text, or of a pair, that an encoder reads. */
export function encoderAttention(loaded: Running<LoadedEncoder>, text: Encoding): Attention {
  const { model, config, attentions, tokenizer } = loaded
  const names = attentions.map(({ name }) => name)
  const filters = scope(() => {
    const { ids, tokenTypes } = packed([text])
    const { values } = collect(names, () => encoderStates(model, config, ids, { tokenTypes }))
    return keep(
      Object.fromEntries(
        [...values].map(([name, filter]) => [
          name,
          (filter as AnyTensor as Tensor<'batch' | 'head' | 'query' | 'key'>).at('batch', 0),
        ]),
      ),
    )
  })
  const labels = tokenLabels(tokenizer, text.ids)
  const { spans, sequenceIds, wordIds } = text
  const tokens = labels.map((label, i) => ({
    id: text.ids[i]!,
    text: label,
    sequence: sequenceIds[i]!,
    word: wordIds[i]!,
    start: spans[2 * i]!,
    end: spans[2 * i + 1]!,
  }))
  return { filters, labels, tokens }
}
