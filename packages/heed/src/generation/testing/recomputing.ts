import {
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  decoderLogits,
  type EncoderDecoder,
  type EncoderDecoderDesign,
  encodeSource,
  targetLogits,
} from '../../models/index.js'
import { concat, scope, tensor, type Tensor } from '../../tensor/index.js'
import type { Decoding, Writable } from '../decoding.js'

type Ids = Tensor<'batch' | 'position'>
type Logits = Tensor<'batch' | 'position' | 'vocabulary'>

/** A decoder that remembers nothing: each step computes each text from its beginning, by itself. */
export function recomputing(model: Decoder, config: DecoderConfig | DecoderDesign): Writable {
  return recomputed(config, (ids) => decoderLogits(model, config, ids))
}

/** An encoder-decoder that remembers nothing: neither what it wrote nor the sources. */
export function recomputingSources(
  model: EncoderDecoder,
  design: EncoderDecoderDesign,
  sources: readonly (readonly number[])[],
): Writable {
  return recomputed(design, (ids, row) => {
    const source = sources[row]!
    const input = tensor(source, { batch: 1, position: source.length }, { dtype: 'i32' })
    return targetLogits(model, design, ids, encodeSource(model, design, input))
  })
}

/** A text, and the number of the row that it began as. */
interface Row {
  readonly text: number[]
  readonly begun: number
}

function recomputed(
  { context, vocabulary }: { readonly context: number; readonly vocabulary: number },
  run: (ids: Ids, row: number) => Logits,
): Writable {
  const logitsOf = ({ text, begun }: Row, count: number): Tensor<'row' | 'vocabulary'> => {
    const ids = tensor(text, { batch: 1, position: text.length }, { dtype: 'i32' })
    const logits = run(ids, begun).at('batch', 0)
    return logits.slice('position', text.length - count, text.length).rename({ position: 'row' })
  }
  const copied = ({ text, begun }: Row): Row => ({ text: [...text], begun })
  const decoding = (begun: readonly Row[]): Decoding => {
    let rows = begun.map(copied)
    return {
      context,
      vocabulary,
      get rows() {
        return rows.length
      },
      get lengths() {
        return rows.map(({ text }) => text.length)
      },
      step: (ids, { all = false } = {}) =>
        scope(() =>
          concat(
            ids.flatMap((list, row) => {
              if (list.length === 0) return []
              rows[row]!.text.push(...Array.from(list))
              return [logitsOf(rows[row]!, all ? list.length : 1)]
            }),
            'row',
          ),
        ),
      keep(places) {
        rows = places.map((place) => copied(rows[place]!))
      },
      truncate(row, length) {
        rows[row]!.text.length = length
      },
      fork: () => decoding(rows),
      dispose() {},
    }
  }
  return {
    context,
    vocabulary,
    begin: (rows) => decoding(Array.from({ length: rows }, (_, begun) => ({ text: [], begun }))),
  }
}
