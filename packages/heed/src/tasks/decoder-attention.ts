/** What a decoder's tokens attended to. */
import { collect } from '../observe/index.js'
import { decoderStates, type LoadedDecoder, type Running } from '../models/index.js'
import { type AnyTensor, keep, scope, tensor, type Tensor } from '../tensor/index.js'
import { tokenLabels, type Tokenizer } from '../text/index.js'
import type { Attention, Filter } from './attention.js'

/** Each layer's filters of one text that a decoder reads. */
export function decoderAttention(
  { model, config, tokenizer, attentions }: Running<LoadedDecoder>,
  ids: ArrayLike<number>,
): Attention {
  const shape = { batch: 1, position: ids.length }
  const filters = collectedFilters(
    attentions.map(({ name }) => name),
    () => decoderStates(model, config, tensor(Int32Array.from(ids), shape, { dtype: 'i32' })),
  )
  return { filters, labels: labelsOf(tokenizer, ids) }
}

/** The filters with these names, of the first of a batch. */
export function collectedFilters(names: readonly string[], work: () => unknown): Record<string, Filter> {
  return scope(() => {
    const { values } = collect(names, work)
    return keep(
      Object.fromEntries(
        [...values].map(([name, filter]) => [
          name,
          (filter as AnyTensor as Tensor<'batch' | 'head' | 'query' | 'key'>).at('batch', 0),
        ]),
      ),
    )
  })
}

/** Texts of tokens; a model may know more ids than its tokenizer has tokens. */
export function labelsOf(tokenizer: Tokenizer, ids: ArrayLike<number>): string[] {
  return Array.from(ids, (id) => (tokenizer.token(id) === undefined ? '' : tokenLabels(tokenizer, [id])[0]!))
}
