/** The convolution along the positions of DeBERTa v2 (He et al. 2021), beside the first layer. */
import { foldIn, type RandomKey } from '../../base/index.js'
import {
  createLinear,
  createNorm,
  type Initializer,
  linear,
  type Linear,
  norm,
  type Norm,
  type NormOptions,
  type Quantized,
  type Sequence,
} from '../../nn/index.js'
import { tap, within } from '../../observe/index.js'
import { activate, gather, scope, type Tensor, tensor } from '../../tensor/index.js'
import type { ConvolutionDesign } from './design.js'
import type { TextRows } from './text-rows.js'

/** The weights of a convolution. */
export interface Convolution {
  /** What is made of each of the neighbouring positions, the farthest before the position first. */
  readonly taps: readonly Linear<'width', 'convolved'>[]
  readonly bias: Tensor<'convolved'>
  readonly norm: Norm
}

/** A convolution before training. */
export function createConvolution(
  key: RandomKey,
  { size, width }: ConvolutionDesign & { readonly width: number },
  initializer: Initializer,
): Convolution {
  return {
    taps: Array.from({ length: size }, (_, i) =>
      createLinear(foldIn(key, i), { width }, { convolved: width }, { bias: false, initializer }),
    ),
    bias: createNorm({ convolved: width }, { initializer }).bias!,
    norm: createNorm({ width }, { initializer }),
  }
}

/**
 * norm(states + activation(convolution of first)), each text by itself. Names: convolution.hidden,
 * convolution.norm.*.
 *
 * @param first what the first layer got
 * @param states what it gave
 */
export function convolved(
  parameters: Quantized<Convolution>,
  { size, activation, norm: options }: ConvolutionDesign & { readonly norm: NormOptions },
  first: Sequence,
  states: Sequence,
  place: TextRows,
): Sequence {
  return scope(() =>
    within('convolution', () => {
      const sum = parameters.taps.reduce<Tensor<'batch' | 'position' | 'convolved'> | undefined>(
        (sum, map, i) => {
          const near = neighbours(first, i - (size - 1) / 2, place)
          const made = linear<'batch' | 'position' | 'width', 'width', 'convolved'>(map, near, 'width')
          return sum === undefined ? made : sum.add(made)
        },
        undefined,
      )!
      const hidden = activate(sum.add(parameters.bias).rename({ convolved: 'width' }), activation)
      const joined = states.add(tap('hidden', hidden))
      return within('norm', () => norm(parameters.norm, joined, 'width', options))
    }),
  )
}

/** At each position the vector `away` positions behind it in its text; 0 where there is none. */
function neighbours(x: Sequence, away: number, { real, rows }: TextRows): Sequence {
  const [batch, position] = [x.size('batch'), x.size('position')]
  const is = real?.values(['batch', 'position'])
  const ids = new Int32Array(batch * position)
  const present = new Float32Array(ids.length)
  const lengths = rows ?? [position]
  for (let text = 0; text < batch; text++) {
    let start = 0
    for (const length of lengths) {
      for (let i = 0; i < length; i++) {
        const at = text * position + start + i
        const near = i + away
        const there = near >= 0 && near < length && (is === undefined || is[at + away] !== 0)
        ids[at] = start + (there ? near : i)
        present[at] = there ? 1 : 0
      }
      start += length
    }
  }
  const moved = gather(x, tensor(ids, { batch, position }, { dtype: 'i32' }), 'position')
  return moved.mul(tensor(present, { batch, position }))
}
