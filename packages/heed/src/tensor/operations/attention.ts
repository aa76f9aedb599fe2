import { StateError } from '../../base/index.js'
import type { Tensor } from '../tensor.js'
import type { Mask, Score } from './attention-function.js'

/** How scores are made and who may see whom. */
export interface ScoreOptions {
  /** From q·k × scale to the score; default: as it is. */
  readonly score?: Score | undefined
  /** Which keys a query may attend to; default: all. */
  readonly mask?: Mask | undefined
  /** Default 1 / √width (Vaswani et al. 2017, section 3.2.1); 1 for cosine similarity. */
  readonly scale?: number | undefined
}

export interface AttentionOptions extends ScoreOptions {
  /** For each head one more logit in the denominator, without a value: rows may sum to less than 1 (Miller 2023, "Attention Is Off By One"). */
  readonly sink?: Tensor<'head'> | undefined
}

/** What the fused kernel knows of each row beside its output. */
export interface AttentionWithStatistics<A extends string, R extends string> {
  readonly output: Tensor<A>
  /** ln of the denominator, the sink included; −infinity where nothing may be attended. */
  readonly logSumExp: Tensor<R>
  /** −Σ f ln f over the keys, in nats; 0 where nothing may be attended. */
  readonly entropy: Tensor<R>
  readonly largestWeight: Tensor<R>
  /** i32: the key of the largest weight, the lowest of equals; −1 where nothing may be attended. */
  readonly largestKey: Tensor<R>
}

export function attention<Q extends string = never, K extends string = never, V extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  value: Tensor<V | 'key' | 'width'>,
  options: AttentionOptions = {},
): Tensor<Q | K | V | 'query' | 'width'> {
  void [query, key, value, options]
  throw new StateError({ operation: 'attention', expected: 'a body', found: 'none', hint: 'not yet' })
}

export function attentionWithStatistics<
  Q extends string = never,
  K extends string = never,
  V extends string = never,
>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  value: Tensor<V | 'key' | 'width'>,
  options: AttentionOptions = {},
): AttentionWithStatistics<Q | K | V | 'query' | 'width', Q | K | V | 'query'> {
  void [query, key, value, options]
  throw new StateError({ operation: 'attention', expected: 'a body', found: 'none', hint: 'not yet' })
}
