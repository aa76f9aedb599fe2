import { checkWhole, UsageError } from '../base/index.js'
import { type AnyTensor, concat, dot, map, slice, sum, tensor, type Tensor } from '../tensor/index.js'

/** Whether positions see what comes after them, and how many go together. */
export interface LinearAttentionOptions {
  /** Each position sees itself and what comes before it. Default: all see all. */
  readonly causal?: boolean | undefined
  /** With `causal`: positions whose products are made together. Default 64. */
  readonly chunk?: number | undefined
}

/**
 * Linear attention (Katharopoulos et al. 2020, "Transformers are RNNs", equations 5, 7 and 9), for contrast:
 * the weight of a key is φ(q)·φ(k) over the sum of these, φ(x) = elu(x) + 1. So keys and values are summed up
 * in a state of width × width numbers, and time grows with the length, not with its square. There is no
 * score, no mask and no filter that could be looked at.
 *
 * - query: batch head query width
 * - key: batch head key width
 * - value: batch head key width
 * - result: batch head query width. Heads must be the same in all three.
 *
 * @throws UsageError for a causal attention with other queries than keys
 */
export function linearAttention<Q extends string = never, K extends string = never, V extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  value: Tensor<V | 'key' | 'width'>,
  { causal = false, chunk = 64 }: LinearAttentionOptions = {},
): Tensor<'query' | 'width' | Exclude<Q | K | V, 'key'>> {
  checkWhole('linearAttention', 'chunk', chunk, 1)
  const [q, k] = [query, key].map((x) => feature(x as AnyTensor as Tensor)) as [Tensor, Tensor]
  const v = (value as AnyTensor as Tensor<'width'>).rename({ width: 'value width' }) as AnyTensor as Tensor
  const mixed = causal ? causally(q, k, v, chunk) : over(q, stateOf(k, v))
  return mixed.rename({ 'value width': 'width' }) as never
}

/** elu(x) + 1 */
function feature(x: Tensor): Tensor {
  return map((v) => v.max(0).add(v.min(0).exp()), x) as Tensor
}

/** Σ φ(k) v, and Σ φ(k). */
interface State {
  readonly values: Tensor
  readonly keys: Tensor
}

function stateOf(k: Tensor, v: Tensor): State {
  return { values: dot(k, v, 'key') as Tensor, keys: sum(k, 'key') as Tensor }
}

function over(q: Tensor, { values, keys }: State): Tensor {
  return (dot(q, values, 'width') as Tensor).div(dot(q, keys, 'width') as Tensor) as Tensor
}

/** Chunk by chunk: products within it, and the state of what came before. */
function causally(q: Tensor, k: Tensor, v: Tensor, chunk: number): Tensor {
  const length = q.size('query')
  if (k.size('key') !== length) {
    throw new UsageError({
      operation: 'linearAttention',
      expected: `as many keys as queries, ${length}, where it is causal`,
      found: String(k.size('key')),
      hint: 'leave causal out for attention to another sequence',
    })
  }
  const parts: Tensor[] = []
  let state: State | undefined
  for (let start = 0; start < length; start += chunk) {
    const end = Math.min(length, start + chunk)
    const own = slice(q, 'query', start, end) as Tensor
    const [keys, values] = [k, v].map((x) => slice(x, 'key', start, end) as Tensor) as [Tensor, Tensor]
    const weights = (dot(own, keys, 'width') as Tensor).mul(triangle(end - start, q)) as Tensor
    let top = dot(weights, values, 'key') as Tensor
    let bottom = sum(weights, 'key') as Tensor
    if (state !== undefined) {
      top = top.add(dot(own, state.values, 'width') as Tensor) as Tensor
      bottom = bottom.add(dot(own, state.keys, 'width') as Tensor) as Tensor
    }
    parts.push(top.div(bottom) as Tensor)
    if (end === length) break
    const here = stateOf(keys, values)
    state =
      state === undefined
        ? here
        : { values: state.values.add(here.values) as Tensor, keys: state.keys.add(here.keys) as Tensor }
  }
  return parts.length === 1 ? parts[0]! : (concat(parts, 'query') as Tensor)
}

/** 1 where a query may see a key. */
function triangle(size: number, { device }: Tensor): Tensor {
  const ones = new Float32Array(size * size)
  for (let row = 0; row < size; row++) ones.fill(1, row * size, row * size + row + 1)
  return tensor(ones, { query: size, key: size }, { device }) as AnyTensor as Tensor
}
