import {
  type AttentionDefinition,
  attentionDefinition,
  type AttentionSizes,
  type CapturedTensor,
  filterWeight,
} from '../attention/index.js'
import { Capture, type Expression, float, index, input, integer, parameter } from '../expression/index.js'
import type { AttentionInputs, CaptureValues } from './attention.js'

/** Numbers in [0, 1) from a seed: a counter through a mixing function (Steele et al., SplitMix). */
export function numbersFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

/** How a variant extends the scaled product or limits who sees whom; float captures get gradients. */
interface Variant {
  readonly score?: (score: Expression<'float'>, capture: Declare) => Expression<'float'>
  readonly mask?: (capture: Declare) => Expression<'boolean'>
  /** From the normalized weight. */
  readonly filter?: (weight: Expression<'float'>, capture: Declare) => Expression<'float'>
  readonly sink?: boolean
}
/** Declares a captured tensor of these sizes. Integers come from 0 … `below` − 1. */
type Declare = <K extends 'float' | 'integer'>(
  kind: K,
  sizes: readonly number[],
  below?: number,
) => Capture<K>

const [query, key, row, head, batch] = [
  index('query'),
  index('key'),
  index('queryRow'),
  index('head'),
  index('batch'),
]

function variantsFor(sizes: AttentionSizes): Readonly<Record<string, Variant>> {
  const { batch: B, heads: H, queries: Q, keys: K } = sizes
  return {
    plain: {},
    causal: { mask: () => key.le(query) },
    window: { mask: () => key.le(query).and(query.sub(key).lt(5)) },
    local: { mask: () => query.sub(key).abs().le(3) },
    blocks: { mask: () => query.divideBy(4).eq(key.divideBy(4)) },
    strided: { mask: () => query.sub(key).remainderBy(3).eq(0) },
    prefix: { mask: (capture) => key.le(query).or(key.lt(capture('integer', [B], 9).at(batch))) },
    document: {
      mask: (capture) =>
        capture('integer', [B, Q], 2)
          .at(batch, row)
          .eq(capture('integer', [B, K], 2).at(batch, key)),
    },
    padding: { mask: (capture) => capture('integer', [B, K], 2).at(batch, key).eq(1) },
    'reach of heads': {
      mask: (capture) =>
        query
          .sub(key)
          .lt(capture('integer', [H], 9).at(head))
          .and(key.le(query)),
    },
    alibi: {
      score: (score, capture) => score.sub(capture('float', [H]).at(head).mul(query.sub(key))),
      mask: () => key.le(query),
    },
    table: {
      score: (score, capture) =>
        score.add(capture('float', [7, H]).at(key.sub(query).max(-3).min(3).add(3), head)),
    },
    bias: { score: (score, capture) => score.add(capture('float', [B, H, Q, K]).at(batch, head, row, key)) },
    'bias under a mask': {
      score: (score, capture) => score.add(capture('float', [B, H, Q, K]).at(batch, head, row, key)),
      mask: (capture) => capture('integer', [B, K], 2).at(batch, key).eq(1).and(key.le(query)),
    },
    'bias of keys': { score: (score, capture) => score.add(capture('float', [1, K]).at(0, key)) },
    'bias of rows': {
      score: (score, capture) => score.mul(capture('float', [Q]).at(row)),
      mask: () => key.le(query),
    },
    temperature: { score: (score, capture) => score.div(capture('float', []).at().square().add(1)) },
    'two readings': {
      score: (score, capture) => {
        const tensor = capture('float', [K])
        return score
          .mul(tensor.at(key))
          .add(tensor.at(key.add(1)).sin())
          .add(tensor.at(row.min(K - 1)))
      },
    },
    'soft cap': { score: (score) => score.div(2).tanh().mul(2), mask: () => key.le(query) },
    relation: { score: (score) => key.gt(query).select(score, score.mul(0.5).sub(integer(1).toFloat())) },
    sink: { sink: true, mask: () => key.le(query) },
    'every third dropped': {
      filter: (weight) => key.add(row).remainderBy(3).eq(0).select(float(0), weight.mul(1.5)),
      mask: () => key.le(query),
    },
    'gain of pairs': {
      filter: (weight, capture) => weight.mul(capture('float', [B, H, Q, K]).at(batch, head, row, key)),
      sink: true,
    },
    'gain of heads and keys': {
      filter: (weight, capture) => {
        const gain = capture('float', [H])
        return weight.mul(gain.at(head)).div(capture('float', [K]).at(key).square().add(1))
      },
      score: (score, capture) => score.add(capture('float', [K]).at(key)),
      mask: () => query.sub(key).abs().le(3),
    },
    'sharpened filter': {
      filter: (weight, capture) =>
        weight
          .mul(weight)
          .mul(capture('float', [H]).at(head))
          .add(0.1),
      mask: () => key.le(query),
    },
    'filter above a bound': {
      filter: (weight, capture) => weight.sub(capture('float', [Q]).at(row).div(K)).mul(2),
      score: (score, capture) => score.mul(capture('float', [H]).at(head)),
      sink: true,
    },
    'filter without the weight': {
      filter: (_, capture) => capture('float', [K]).at(key).add(0.5).div(K),
      mask: () => key.le(query),
    },
    'nothing at all': { mask: () => key.lt(0), sink: false },
    'nothing but a sink': { mask: () => key.lt(0), sink: true },
  }
}

export const variantNames: readonly string[] = Object.keys(
  variantsFor({ batch: 1, heads: 1, kvHeads: 1, queries: 1, keys: 1 }),
)

export interface RandomAttention {
  readonly definition: AttentionDefinition
  readonly inputs: AttentionInputs & { readonly captures: readonly CaptureValues[] }
  readonly upstream: number[]
  /** Slots of the float captures. */
  readonly slots: readonly number[]
}

/** One of the variants with random tensors. The scale is parameter 0. */
export function randomAttention(
  name: string,
  sizes: AttentionSizes,
  width: number,
  valueWidth: number,
  seed: number,
): RandomAttention {
  const variant = variantsFor(sizes)[name]!
  const next = numbersFrom(seed)
  const random = (count: number): number[] => Array.from({ length: count }, () => Math.fround(next() * 2 - 1))
  const captured: (CapturedTensor & CaptureValues)[] = []
  const capture: Declare = (kind, sizes, below = 2) => {
    const count = sizes.reduce((a, b) => a * b, 1)
    const values =
      kind === 'float' ? random(count) : Array.from({ length: count }, () => Math.floor(next() * below))
    captured.push({ kind, rank: sizes.length, contiguous: sizes.length > 0 && next() < 0.7, values, sizes })
    return new Capture(captured.length - 1, kind, sizes.length)
  }
  const scaled = input(0).mul(parameter(0))
  const definition = attentionDefinition({
    width,
    valueWidth,
    score: variant.score?.(scaled, capture) ?? scaled,
    mask: variant.mask?.(capture),
    filter: variant.filter?.(filterWeight, capture),
    captures: captured,
    parameters: ['float'],
    sink: variant.sink ?? false,
  })
  const { batch, heads, kvHeads, queries, keys } = sizes
  return {
    definition,
    inputs: {
      query: random(batch * heads * queries * width),
      key: random(batch * kvHeads * keys * width),
      value: random(batch * kvHeads * keys * valueWidth),
      captures: captured,
      parameters: [Math.fround(1 / Math.sqrt(width))],
      ...(variant.sink ? { sink: random(heads) } : {}),
    },
    upstream: random(batch * heads * queries * valueWidth),
    slots: captured.flatMap(({ kind }, slot) => (kind === 'float' ? [slot] : [])),
  }
}
