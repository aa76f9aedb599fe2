/** What is compared: full attention, and attention that sees, keeps or computes less. */
import {
  adaptiveSpan,
  allOf,
  anyOf,
  type BlockOptions,
  causal,
  entmax15,
  firstKeys,
  linearAttention,
  slidingWindow,
  type Tensor,
  topKeys,
} from 'heed'

export type AttentionOptions = NonNullable<BlockOptions['attention']>

/** The sizes of the model, and how it is trained. */
export interface Settings {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly context: number
  readonly batch: number
  readonly steps: number
  readonly rate: number
  /** Positions of the sliding window. */
  readonly window: number
  /** First positions that stay in view beside the window. */
  readonly sinks: number
  /** Scores that each row keeps. */
  readonly kept: number
  /** Over how many positions a learned span ends. */
  readonly ramp: number
  /** Where learned spans start, in positions. */
  readonly span: number
  /** What a position of the mean span adds to the loss, in nats. */
  readonly spanCost: number
}

export const settings: Settings = {
  width: 64,
  layers: 2,
  heads: 4,
  context: 128,
  batch: 4,
  steps: 300,
  rate: 0.003,
  window: 24,
  sinks: 4,
  kept: 8,
  ramp: 16,
  span: 32,
  spanCost: 2e-4,
}

export const variantNames = [
  'full',
  'sliding window',
  'window and sinks',
  'adaptive span',
  'top-k',
  '1.5-entmax',
  'linear',
] as const
export type VariantName = (typeof variantNames)[number]

/** How a layer attends; `spans` are what its heads have learned, where they learn any. */
export function attentionOf(
  name: VariantName,
  { window, sinks, kept, ramp }: Settings,
  spans: Tensor<'head'> | undefined,
): AttentionOptions {
  switch (name) {
    case 'full':
      return {}
    case 'sliding window':
      return { mask: slidingWindow(window) }
    case 'window and sinks':
      return { mask: anyOf(slidingWindow(window - sinks), firstKeys(sinks)) }
    case 'adaptive span': {
      const { score, mask } = adaptiveSpan(spans!, ramp)
      return { score, mask: allOf(causal, mask) }
    }
    case 'top-k':
      return { normalize: topKeys(kept) }
    case '1.5-entmax':
      return { normalize: entmax15 }
    case 'linear':
      return { mix: (query, key, value) => linearAttention(query, key, value, { causal: true }) as never }
  }
}
