/** Sentences as means of a model's own token vectors: no layer runs (Arora, Liang and Ma 2017). */
import type { Running } from '../../../models/index.js'
import { embed, type Embedding, type Quantized } from '../../../nn/index.js'
import { scope, tensor } from '../../../tensor/index.js'
import { termsOf } from '../../../search/index.js'

/**
 * For each text the mean of its tokens' rows in the model's table, each weighed by how rare it is among these
 * texts, less the mean of all. undefined where the model has no such table, or no tokenizer.
 */
export function averagedEmbeddings(
  loaded: Pick<Running, 'model' | 'tokenizer'>,
  texts: readonly string[],
): Float64Array[] | undefined {
  const { embedding } = loaded.model as { readonly embedding?: Quantized<Embedding> }
  if (embedding === undefined) return undefined
  const terms = termsOf(loaded.tokenizer)
  const tokens = texts.map((text) => terms(text))
  const having = new Map<number, number>()
  for (const ids of tokens)
    for (const id of new Set(Array.from(ids))) having.set(id, (having.get(id) ?? 0) + 1)
  const used = [...having.keys()]
  const places = new Map(used.map((id, i) => [id, i]))
  if (used.length === 0) return texts.map(() => new Float64Array(1))
  const { rows, width } = scope(() => {
    const ids = tensor(used, { batch: 1, position: used.length }, { dtype: 'i32' })
    const found = embed(embedding, ids)
    return {
      rows: found.values(['batch', 'position', 'width'] as never),
      width: found.size('width' as never),
    }
  })
  const weights = used.map((id) => Math.log((1 + texts.length) / (1 + having.get(id)!)) + 1)
  const vectors = tokens.map((ids) => {
    const vector = new Float64Array(width)
    let total = 0
    for (let at = 0; at < ids.length; at++) {
      const place = places.get(ids[at]!)!
      total += weights[place]!
      for (let i = 0; i < width; i++) vector[i]! += weights[place]! * rows[place * width + i]!
    }
    return total > 0 ? vector.map((value) => value / total) : vector
  })
  const mean = new Float64Array(width)
  for (const vector of vectors) vector.forEach((value, i) => (mean[i]! += value / vectors.length))
  return vectors.map((vector) => vector.map((value, i) => value - mean[i]!))
}
