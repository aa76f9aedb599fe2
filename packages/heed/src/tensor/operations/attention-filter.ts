import { StateError } from '../../base/index.js'
import type { Tensor } from '../tensor.js'
import type { AttentionOptions, ScoreOptions } from './attention.js'

/** The scores by themselves, −infinity where masked: the plain path. Differentiable. */
export function attentionScores<Q extends string = never, K extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  options: ScoreOptions = {},
): Tensor<Q | K | 'query' | 'key'> {
  void [query, key, options]
  throw new StateError({ operation: 'attentionScores', expected: 'a body', found: 'none', hint: 'not yet' })
}

/** The filter: scores normalized over the keys, each row between 0 and 1 and summing to 1. The plain path; differentiable. */
export function attentionFilter<Q extends string = never, K extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  options: AttentionOptions = {},
): Tensor<Q | K | 'query' | 'key'> {
  void [query, key, options]
  throw new StateError({ operation: 'attentionFilter', expected: 'a body', found: 'none', hint: 'not yet' })
}

/** From scores to the filter: softmax over the keys, with the sink in the denominator where there is one. */
export function filterScores<A extends string>(
  scores: Tensor<A | 'key'>,
  sink?: Tensor<'head'>,
): Tensor<A | 'key'> {
  void [scores, sink]
  throw new StateError({ operation: 'filterScores', expected: 'a body', found: 'none', hint: 'not yet' })
}

/** Filter × value, summed over the keys; value may have fewer heads. */
export function mixValues<F extends string = never, V extends string = never>(
  filter: Tensor<F | 'query' | 'key'>,
  value: Tensor<V | 'key' | 'width'>,
): Tensor<F | V | 'query' | 'width'> {
  void [filter, value]
  throw new StateError({ operation: 'mixValues', expected: 'a body', found: 'none', hint: 'not yet' })
}
