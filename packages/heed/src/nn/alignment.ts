/**
 * Attention as it began: a decoder's state asks the memory, one vector for each position of the source.
 * Score, filter and mix are the steps that self-attention has, too; only the score differs.
 */
import { tap } from '../observe/index.js'
import { dot, map, softmax, type Tensor } from '../tensor/index.js'
import type { Sequence } from './sequence.js'

/** Parameters of additive scores. */
export interface AdditiveAlignment {
  readonly query: { readonly weight: Tensor<'alignment' | 'state'> }
  readonly key: { readonly weight: Tensor<'alignment' | 'width'> }
  readonly bias?: Tensor<'alignment'>
  readonly score: Tensor<'alignment'>
}

/**
 * Parameters of Luong's concatenated scores: `weight` takes the state and the memory's vector as one, along
 * `joined`.
 */
export interface ConcatAlignment {
  readonly weight: Tensor<'alignment' | 'joined'>
  readonly score: Tensor<'alignment'>
}

/** Scores of each position of the memory for each state. */
export type AlignmentScores<Q extends string> = Tensor<Q | 'batch' | 'position'>

/**
 * score · tanh(query state + key memory + bias) (Bahdanau et al. 2015, appendix A.1.2).
 * `state`: axis `state`, batch, and any others, such as one of steps.
 *
 * @param keys the memory under the key's map, where it has been computed before: `additiveKeys`
 */
export function additiveScores<Q extends string>(
  parameters: AdditiveAlignment,
  state: Tensor<Q | 'state'>,
  memory: Sequence,
  keys: Tensor<'batch' | 'position' | 'alignment'> = additiveKeys(parameters, memory),
): AlignmentScores<Exclude<Q, 'state'>> {
  const { query, bias, score } = parameters
  const asked = dot(state as Tensor<string> as Tensor<'batch' | 'state'>, query.weight, 'state', { bias })
  const matched = map((a, k) => a.add(k).tanh(), asked, keys)
  return dot(matched, score, 'alignment') as Tensor<string> as never
}

/**
 * What `additiveScores` makes of the memory: the same for every state, so that a decoder computes it once.
 */
export function additiveKeys(
  { key }: AdditiveAlignment,
  memory: Sequence,
): Tensor<'batch' | 'position' | 'alignment'> {
  return dot(memory, key.weight, 'width')
}

/** state · memory, which have the same width (Luong et al. 2015, section 3.1, dot). */
export function dotScores<Q extends string>(
  state: Tensor<Q | 'state'>,
  memory: Sequence,
): AlignmentScores<Exclude<Q, 'state'>> {
  const query = (state as Tensor<string> as Tensor<'batch' | 'state'>).rename({ state: 'width' })
  return dot(query, memory, 'width') as Tensor<string> as never
}

/** state · weight · memory (Luong et al. 2015, section 3.1, general). */
export function generalScores<Q extends string>(
  weight: Tensor<'state' | 'width'>,
  state: Tensor<Q | 'state'>,
  memory: Sequence,
): AlignmentScores<Exclude<Q, 'state'>> {
  const query = dot(state as Tensor<string> as Tensor<'batch' | 'state'>, weight, 'state')
  return dot(query, memory, 'width') as Tensor<string> as never
}

/**
 * score · tanh(weight [state; memory]) (Luong et al. 2015, section 3.1, concat): the additive score without
 * bias.
 */
export function concatScores<Q extends string>(
  { weight, score }: ConcatAlignment,
  state: Tensor<Q | 'state'>,
  memory: Sequence,
): AlignmentScores<Exclude<Q, 'state'>> {
  const states = (state as Tensor<string>).size('state')
  const part = <N extends string>(name: N, start: number, end: number): Tensor<'alignment' | N> =>
    weight.slice('joined', start, end).rename({ joined: name }) as Tensor<string> as never
  const parameters: AdditiveAlignment = {
    query: { weight: part('state', 0, states) },
    key: { weight: part('width', states, weight.size('joined')) },
    score,
  }
  return additiveScores(parameters, state, memory)
}

/** What `align` gives: the context of each query, and the filter that mixed it. */
export interface Aligned<Q extends string> {
  /** filter × memory: what the state gets to know. */
  readonly output: Tensor<Q | 'batch' | 'width'>
  /** How much each state attends to each position: rows between 0 and 1, summing to 1. */
  readonly filter: AlignmentScores<Q>
}

/**
 * From scores to the filter, and from the memory to the mix: softmax over positions, then the sum of the
 * memory's vectors that it weighs. A state for which no position is real gets filter and output 0. Taps:
 * scores, filter, output.
 *
 * @param real i32 or f32, 0 where a position is padding and not seen; default all are real
 */
export function align<Q extends string>(
  scores: AlignmentScores<Q>,
  memory: Sequence,
  real?: Tensor<'batch' | 'position'>,
): Aligned<Q> {
  const seen = tap('scores', scores as Tensor<string>) as Tensor<'batch' | 'position'>
  const masked = real === undefined ? seen : map((score, is) => is.ne(0).select(score, -Infinity), seen, real)
  const filter = tap('filter', softmax(masked, 'position'))
  const output = tap('output', dot(filter, memory, 'position') as Tensor<string>)
  return { output, filter } as unknown as Aligned<Q>
}
