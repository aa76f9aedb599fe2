/** What an encoder's head computes from its states. */
import { foldIn } from '../../base/index.js'
import { activate, type AnyTensor, concat, gather, scope, type Tensor, tensor } from '../../tensor/index.js'
import { linear, poolMean, type Quantized, type Sequence } from '../../nn/index.js'
import { tap, within } from '../../observe/index.js'
import type { EncoderDesign } from './design.js'
import { type Encoder, type EncoderOptions, encoderStates, lacking } from './encoder.js'
import type { TextRows } from './text-rows.js'
import { labelLogits, maskedLanguageLogits } from './heads/index.js'

/**
 * What the head gives. Of `rows`, texts stand one after the other, each along `batch` where it has one
 * vector.
 */
export type EncoderOutput =
  | {
      readonly kind: 'masked-language'
      readonly logits: Tensor<'batch' | 'position' | 'vocabulary'>
    }
  | { readonly kind: 'classification'; readonly logits: Tensor<'batch' | 'label'> }
  | { readonly kind: 'token'; readonly logits: Tensor<'batch' | 'position' | 'label'> }
  | {
      readonly kind: 'answer'
      /** Of the position where the answer begins. */
      readonly start: Tensor<'batch' | 'position'>
      /** Of the position where it ends. */
      readonly end: Tensor<'batch' | 'position'>
    }

/**
 * What the model's head gives for these ids. Names as in `encoderStates`, and pooled, head.dense,
 * head.norm.*, head.logits.
 *
 * @param ids i32
 * @throws UsageError where the model has no head; and as `encoderStates` does
 */
export function encoderOutput(
  model: Quantized<Encoder>,
  design: EncoderDesign,
  ids: Tensor<'batch' | 'position'>,
  options: EncoderOptions = {},
): EncoderOutput {
  return scope(() => outputOf(model, design, encoderStates(model, design, ids, options), options))
}

/**
 * What the head gives for states that `encoderStates` gave.
 *
 * @param place `real` or `rows`, as they were given there; dropout of what a classifier reads
 * @throws UsageError where the model has no head
 */
export function outputOf(
  model: Quantized<Encoder>,
  design: EncoderDesign,
  states: Sequence,
  place: TextRows & Pick<EncoderOptions, 'dropout'> = {},
): EncoderOutput {
  const { head } = model
  const { head: how } = design
  if (head === undefined || how === undefined) return lacking('a head', design)
  const { dropout } = place
  const dropped =
    dropout && how.kind !== 'answer'
      ? { rate: dropout.head ?? dropout.rate, key: foldIn(dropout.key, 'head') }
      : undefined
  return scope((): EncoderOutput => {
    if (how.kind === 'masked-language') {
      const logits = within('head', () =>
        maskedLanguageLogits<'batch' | 'position'>(head, how, model.embedding, states),
      )
      return { kind: how.kind, logits: logits as Tensor<'batch' | 'position' | 'vocabulary'> }
    }
    if (how.kind === 'classification') {
      const vectors =
        how.from === 'pooled'
          ? pooledOf(model, design, states, place)
          : how.from === 'first'
            ? firstStates(states, place)
            : meanStates(states, place)
      return {
        kind: how.kind,
        logits: within('head', () => labelLogits<'batch'>(head, how, vectors, dropped)) as Tensor<
          'batch' | 'label'
        >,
      }
    }
    const logits = within('head', () =>
      labelLogits<'batch' | 'position'>(head, how, states, dropped),
    ) as Tensor<'batch' | 'position' | 'label'>
    return how.kind === 'token'
      ? { kind: how.kind, logits }
      : { kind: how.kind, start: logits.at('label', 0), end: logits.at('label', 1) }
  })
}

/**
 * The pooler's vector of each text: a dense layer over the first position (Devlin et al. 2019). Name:
 * `pooled`.
 *
 * @throws UsageError where the model has no pooler
 */
export function pooledOf(
  { pooler }: Quantized<Encoder>,
  design: EncoderDesign,
  states: Sequence,
  place: TextRows = {},
): Tensor<'batch' | 'width'> {
  if (pooler === undefined || design.pooler === undefined) return lacking('a pooler', design)
  const { activation } = design.pooler
  return scope(() => {
    const dense = linear<'batch' | 'width', 'width', 'pooled'>(pooler, firstStates(states, place), 'width')
    return tap('pooled', activate(dense.rename({ pooled: 'width' }), activation))
  })
}

/** The state of each text's first position. */
export function firstStates(states: Sequence, { real, rows }: TextRows): Tensor<'batch' | 'width'> {
  if (rows !== undefined) {
    let end = 0
    const starts = rows.map((length) => (end += length) - length)
    const ids = tensor(starts, { batch: rows.length }, { dtype: 'i32' })
    return gather(states.at('batch', 0), ids, 'position')
  }
  const first = real && firstReal(real)
  if (first === undefined) return states.at('position', 0)
  return gather(states, first, 'position') as AnyTensor as Tensor<'batch' | 'width'>
}

/** Where each row's first real position is; undefined where it is everywhere 0. */
function firstReal(real: Tensor<'batch' | 'position'>): Tensor<'batch'> | undefined {
  const length = real.size('position')
  const is = [...real.values(['batch', 'position'])]
  const firsts = Array.from({ length: real.size('batch') }, (_, row) =>
    Math.max(
      0,
      is.slice(row * length, (row + 1) * length).findIndex((one) => one !== 0),
    ),
  )
  return firsts.every((first) => first === 0)
    ? undefined
    : tensor(firsts, { batch: firsts.length }, { dtype: 'i32' })
}

/** The mean of each text's states. */
export function meanStates(states: Sequence, { real, rows }: TextRows): Tensor<'batch' | 'width'> {
  return rows === undefined ? poolMean(states, real) : ofEachRow(states, rows, (row) => poolMean(row))
}

/** What `pool` gives for each text's own states, a text after the other along `batch`. */
export function ofEachRow(
  states: Sequence,
  rows: readonly number[],
  pool: (states: Sequence) => Tensor<'batch' | 'width'>,
): Tensor<'batch' | 'width'> {
  let end = 0
  return concat(
    rows.map((length) => pool(states.slice('position', end, (end += length)))),
    'batch',
  )
}
