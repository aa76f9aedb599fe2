import { type Decoder, type DecoderConfig, type DecoderDesign, decoderLogits } from '../../models/index.js'
import { concat, scope, tensor, type Tensor } from '../../tensor/index.js'
import type { Decoding, Writable } from '../decoding.js'

/** A decoder that remembers nothing: each step computes each text from its beginning, by itself. */
export function recomputing(model: Decoder, config: DecoderConfig | DecoderDesign): Writable {
  const { context, vocabulary } = config
  const logitsOf = (text: readonly number[], count: number): Tensor<'row' | 'vocabulary'> => {
    const ids = tensor(text, { batch: 1, position: text.length }, { dtype: 'i32' })
    const logits = decoderLogits(model, config, ids).at('batch', 0)
    return logits.slice('position', text.length - count, text.length).rename({ position: 'row' })
  }
  const decoding = (begun: readonly (readonly number[])[]): Decoding => {
    let rows = begun.map((ids) => [...ids])
    return {
      context,
      vocabulary,
      get rows() {
        return rows.length
      },
      get lengths() {
        return rows.map(({ length }) => length)
      },
      step: (ids, { all = false } = {}) =>
        scope(() =>
          concat(
            ids.flatMap((list, row) => {
              if (list.length === 0) return []
              rows[row]!.push(...Array.from(list))
              return [logitsOf(rows[row]!, all ? list.length : 1)]
            }),
            'row',
          ),
        ),
      keep(places) {
        rows = places.map((place) => [...rows[place]!])
      },
      truncate(row, length) {
        rows[row]!.length = length
      },
      fork: () => decoding(rows),
      dispose() {},
    }
  }
  return { context, vocabulary, begin: (rows) => decoding(Array.from({ length: rows }, () => [])) }
}
