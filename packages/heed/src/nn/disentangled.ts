/**
 * Disentangled attention (He et al. 2021, "DeBERTa: Decoding-enhanced BERT with Disentangled Attention",
 * section 3.1): the score is the sum of content to content, content to position and position to content.
 */
import { tap } from '../observe/index.js'
import {
  type AnyTensor,
  capture,
  type Captured,
  dot,
  type Score,
  type Tensor,
  tensor,
} from '../tensor/index.js'
import type { ScoreFrom } from './attention.js'
import { linear, type Linear, type Quantized } from './linear.js'

type Heads = Linear<'width', 'head' | 'headWidth'>

/** Where a layer's scores by position come from. */
export interface DisentangledOptions {
  /** Projects the distances for the contents' queries: content to position. Without it there is none. */
  readonly key?: Quantized<Heads> | undefined
  /** Projects the distances for the contents' keys: position to content. Without it there is none. */
  readonly query?: Quantized<Heads> | undefined
  /** The row of the table for query position − key position; what is beyond it is clamped to it. */
  readonly rowOf: (distance: number) => number
  /** What products are multiplied by, those of contents too: 1 / √(3 × headWidth) with all three. */
  readonly scale: number
}

/**
 * The score of DeBERTa (equation 4): q·k × scale, and for the distance δ of the two positions q·Kr(δ) × scale
 * and k·Qr(δ) × scale. Kr and Qr are what the layer's projections make of the table's row of δ. For
 * `scoreFrom` of an attention. Names: contentToPosition, positionToContent, by head, query or key, and row.
 *
 * @param table a vector for each row of distances
 */
export function disentangledScore(
  table: Tensor<'distance' | 'width'>,
  { key: keyMap, query: queryMap, rowOf, scale }: DisentangledOptions,
): ScoreFrom {
  const projected = (map: Quantized<Heads>): Tensor<'distance' | 'head' | 'width'> =>
    linear<'distance' | 'width', 'width', 'head' | 'headWidth'>(map, table, 'width')
      .mul(scale)
      .rename({ headWidth: 'width' })
  const keys = keyMap && projected(keyMap)
  const queries = queryMap && projected(queryMap)
  const last = table.size('distance') - 1
  return (query, key) => {
    const length = key.size('key')
    const rows = Int32Array.from({ length: Math.max(1, 2 * length - 1) }, (_, place) =>
      Math.min(last, Math.max(0, rowOf(place - length + 1))),
    )
    const row = capture(tensor(rows, { place: rows.length }, { dtype: 'i32' }), 'integer')
    const reader = (name: string, product: AnyTensor): Captured<string> =>
      capture(tap(name, product as Tensor<string>))
    const toPosition = keys && reader('contentToPosition', dot(query, keys, 'width'))
    const toContent = queries && reader('positionToContent', dot(key, queries, 'width'))
    const score: Score = (value, at) => {
      const distance = row.at({ place: at.query.sub(at.key).add(length - 1) })
      let sum = value
      for (const read of [toPosition, toContent])
        if (read !== undefined) sum = sum.add(read.along({ distance } as never))
      return sum
    }
    return score
  }
}
