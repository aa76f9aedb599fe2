/** What all heads have: their weights, before training and in files, and the dense layer in front. */
import { foldIn, type RandomKey } from '../../../base/index.js'
import { type Binding, linearBinding, normBinding } from '../../../checkpoint/index.js'
import {
  createEmbedding,
  createLinear,
  createNorm,
  type Embedding,
  type Initializer,
  linear,
  type Linear,
  norm,
  type Norm,
  normalInitializer,
  type Quantized,
} from '../../../nn/index.js'
import { tap, within } from '../../../observe/index.js'
import type { AnyTensor, Tensor } from '../../../tensor/index.js'
import type { DenseDesign, HeadDesign } from './head-design.js'

/** The weights of a head. */
export interface Head {
  readonly dense?: Linear<'width', 'hidden'>
  readonly norm?: Norm
  /** Of labels, or of an answer's two ends. */
  readonly output?: Linear<'width', 'label'>
  /** Of tokens, where the output does not share the embedding's table. */
  readonly table?: Embedding
  readonly bias?: Tensor<'vocabulary'>
}

/** A head before training. */
export function createHead(
  key: RandomKey,
  design: HeadDesign,
  { width, vocabulary }: { readonly width: number; readonly vocabulary: number },
  initializer: Initializer = normalInitializer(),
): Head {
  const { dense } = design
  const last = dense?.width ?? width
  const labels = 'labels' in design ? design.labels : 2
  return {
    ...(dense && {
      dense: createLinear(
        foldIn(key, 'dense'),
        { width },
        { hidden: dense.width },
        { bias: dense.bias ?? true, initializer },
      ),
    }),
    ...(dense?.norm && {
      norm: createNorm({ width: last }, { bias: dense.normBias ?? true, initializer }),
    }),
    ...(design.kind !== 'masked-language'
      ? { output: createLinear(foldIn(key, 'output'), { width: last }, { label: labels }, { initializer }) }
      : {
          ...(!design.tied && {
            table: createEmbedding(foldIn(key, 'table'), { vocabulary, width: last }, initializer),
          }),
          ...(design.bias !== false && {
            bias: createNorm({ vocabulary }, { initializer }).bias!,
          }),
        }),
  }
}

/** What a head's weights are called in files. What a model hasn't is left out. */
export interface HeadNames {
  readonly dense?: string
  readonly norm?: string
  readonly output?: string
  /** The output's name in GGUF. */
  readonly gguf?: string
  /** The output's own table, and its bias, in full. */
  readonly table?: string
  readonly bias?: string
}

/** The bindings of a head of these names. */
export function headBindings({ dense, norm: name, output, gguf, table, bias }: HeadNames): Binding[] {
  return [
    ...(dense === undefined ? [] : linearBinding('head.dense', { file: dense, from: 'width', to: 'hidden' })),
    ...(name === undefined ? [] : normBinding('head.norm', name)),
    ...(output === undefined
      ? []
      : linearBinding('head.output', { file: output, gguf, from: 'width', to: 'label' })),
    ...(table === undefined
      ? []
      : [{ path: 'head.table.weight', file: table, axes: ['vocabulary', 'width'], over: ['width'] }]),
    ...(bias === undefined ? [] : [{ path: 'head.bias', file: bias, axes: ['vocabulary'] }]),
  ]
}

/** The dense layer in front, its activation and its norm. Names: dense, norm.*. */
export function throughDense<A extends string>(
  head: Quantized<Head>,
  design: DenseDesign | undefined,
  x: Tensor<A | 'width'>,
): Tensor<A | 'width'> {
  if (design === undefined || head.dense === undefined) return x
  const { activation, norm: options } = design
  const made = linear<A | 'width', 'width', 'hidden'>(head.dense, x, 'width', { activation } as never)
  const dense = tap('dense', (made as AnyTensor as Tensor<'hidden'>).rename({ hidden: 'width' }))
  const own = head.norm
  return (own === undefined
    ? dense
    : within('norm', () => norm(own, dense as Tensor<'width'>, 'width', options))) as AnyTensor as Tensor<
    A | 'width'
  >
}
