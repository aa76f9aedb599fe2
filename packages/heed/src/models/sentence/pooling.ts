/** From the states of a text to one vector, as sentence-transformers' module Pooling does. */
import type { JsonValue } from '../../base/index.js'
import { poolFirst, poolLast, poolMax, poolMean, type Sequence } from '../../nn/index.js'
import { type AnyTensor, concat, dot, type Tensor, tensor, zeros } from '../../tensor/index.js'

/** How a text's states become one vector. */
export const poolingModes: readonly [
  'cls',
  'max',
  'mean',
  'mean_sqrt_len_tokens',
  'weightedmean',
  'lasttoken',
] = ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken']

/**
 * `cls`: the first position. `max`: the largest value of each feature. `mean`: the mean.
 * `mean_sqrt_len_tokens`: the sum divided by √n. `weightedmean`: the mean with weight i + 1 at position i
 * (Muennighoff 2022, SGPT). `lasttoken`: the last position.
 */
export type PoolingMode = (typeof poolingModes)[number]

/** What the module does. */
export interface PoolingDesign {
  /** The vectors of several are joined one after the other. */
  readonly modes: readonly PoolingMode[]
  /** Whether the positions of a prompt count. */
  readonly includePrompt: boolean
}

/** The flags of older files, in the order in which their vectors are joined. */
const flags: Readonly<Record<PoolingMode, string>> = {
  cls: 'pooling_mode_cls_token',
  max: 'pooling_mode_max_tokens',
  mean: 'pooling_mode_mean_tokens',
  mean_sqrt_len_tokens: 'pooling_mode_mean_sqrt_len_tokens',
  weightedmean: 'pooling_mode_weightedmean_tokens',
  lasttoken: 'pooling_mode_lasttoken',
}

/** What a folder without modules does. */
export const meanPooling: PoolingDesign = { modes: ['mean'], includePrompt: true }

/**
 * The pooling that a `1_Pooling/config.json` describes, in the older or the newer spelling.
 *
 * @param width of the states
 * @throws FormatError for another width, or a mode or field that isn't known
 */
export function readPooling(config: JsonValue, width: number): PoolingDesign {
  config.only([
    'word_embedding_dimension',
    'embedding_dimension',
    'pooling_mode',
    'include_prompt',
    ...Object.values(flags),
  ])
  for (const name of ['word_embedding_dimension', 'embedding_dimension']) {
    const said = config.member(name)
    if (!said.isNull && said.value !== width) said.refuse(`${width}, the width of the model`)
  }
  const newer = config.member('pooling_mode')
  const older = poolingModes.filter((mode) => config.member(flags[mode]).boolean(false))
  const listed = newer.isNull
    ? older
    : Array.isArray(newer.value)
      ? newer.items().map((item) => item.choice(poolingModes))
      : [newer.choice(poolingModes)]
  return {
    modes: listed.length > 0 ? listed : ['mean'],
    includePrompt: config.member('include_prompt').boolean(true),
  }
}

/**
 * The vector of one text.
 *
 * @param states of the text alone: batch (1) position width
 * @param prompt how many of its first positions are the prompt's
 */
export function pooled(
  { modes, includePrompt }: PoolingDesign,
  states: Sequence,
  prompt = 0,
): Tensor<'batch' | 'width'> {
  const length = states.size('position')
  const start = includePrompt ? 0 : Math.min(prompt, length)
  const counted = start === 0 ? states : states.slice('position', start, length)
  const parts = modes.map((mode) => vectorOf(mode, counted, start))
  return parts.length === 1 ? parts[0]! : concat(parts, 'width')
}

function vectorOf(mode: PoolingMode, states: Sequence, start: number): Tensor<'batch' | 'width'> {
  const length = states.size('position')
  if (length === 0) return zeros({ batch: 1, width: states.size('width') })
  switch (mode) {
    case 'cls':
      return poolFirst(states)
    case 'max':
      return poolMax(states)
    case 'mean':
      return poolMean(states)
    case 'mean_sqrt_len_tokens':
      return poolMean(states).mul(Math.sqrt(length))
    case 'weightedmean': {
      const weights = Float64Array.from({ length }, (_, i) => start + i + 1)
      const sum = weights.reduce((total, weight) => total + weight, 0)
      const shares = tensor(
        weights.map((weight) => weight / sum),
        { position: length },
      )
      return dot(states, shares, 'position') as AnyTensor as Tensor<'batch' | 'width'>
    }
    case 'lasttoken':
      return poolLast(states)
  }
}

/**
 * The vector of each text of a batch whose rows are filled up at the end; as `pooled` has them.
 *
 * @param states batch position width
 * @param lengths how many positions each text has
 * @param prompt how many of each text's first positions are the prompt's
 */
export function pooledBatch(
  { modes, includePrompt }: PoolingDesign,
  states: Sequence,
  lengths: readonly number[],
  prompt = 0,
): Tensor<'batch' | 'width'> {
  const start = includePrompt ? 0 : prompt
  const parts = modes.map((mode) => {
    if (mode === 'max')
      return poolMax(
        states,
        tensorOfRows(states, lengths, start, () => 1),
      )
    const shares = tensorOfRows(states, lengths, start, (i, first, end) => {
      switch (mode) {
        case 'cls':
          return i === first ? 1 : 0
        case 'lasttoken':
          return i === end - 1 ? 1 : 0
        case 'mean':
          return 1 / (end - first)
        case 'mean_sqrt_len_tokens':
          return 1 / Math.sqrt(end - first)
        case 'weightedmean':
          return (i + 1) / (((end - first) * (first + 1 + end)) / 2)
      }
    })
    return dot(states, shares, 'position') as AnyTensor as Tensor<'batch' | 'width'>
  })
  return parts.length === 1 ? parts[0]! : concat(parts, 'width')
}

/** What `share` says of each counted position of a text, which stand from `first` to `end`; 0 elsewhere. */
function tensorOfRows(
  states: Sequence,
  lengths: readonly number[],
  start: number,
  share: (position: number, first: number, end: number) => number,
): Tensor<'batch' | 'position'> {
  const [batch, position] = [states.size('batch'), states.size('position')]
  const numbers = new Float64Array(batch * position)
  lengths.forEach((end, row) => {
    const first = Math.min(start, end)
    for (let i = first; i < end; i++) numbers[row * position + i] = share(i, first, end)
  })
  return tensor(numbers, { batch, position }, { device: states.device })
}

/** What a `1_Pooling/config.json` says of a pooling of states of this width. */
export function poolingJson({ modes, includePrompt }: PoolingDesign, width: number): object {
  return {
    word_embedding_dimension: width,
    ...Object.fromEntries(poolingModes.map((mode) => [flags[mode], modes.includes(mode)])),
    include_prompt: includePrompt,
  }
}
