/**
 * How a report's numbers travel inside the page. The filters go as 16-bit codes, `code = round(weight × 65535)`,
 * so that a weight comes back within 0.0000077 of what it was: the page shows three decimals. Everything else
 * goes as JSON, exactly.
 *
 * The codes of one frame (all heads, at one moment of training) lie one after the other, head by head, row by
 * row; when no query attends to a later key (a causal model) row q holds only its keys 0 to q. All high bytes
 * come first, then all low bytes, which compresses better.
 */
import type { LayerView, ModelSummary, Prediction, Token } from './types.js'

/** The scores of a head, in the order in which {@link FrameSummary} lists them. */
export const SCORES = ['entropy', 'previous', 'first', 'induction'] as const

/** What is known of one frame before its filters are unpacked. */
export interface FrameSummary {
  /** The training step; null for the finished model. */
  readonly step: number | null
  /** One list per entry of {@link SCORES}, one number per head; null where it isn't a number. */
  readonly scores: readonly (readonly (number | null)[])[]
}

/** Everything on the page but the filters. */
export interface Payload {
  readonly model: ModelSummary | null
  readonly tokens: readonly Token[]
  readonly next: readonly Prediction[]
  /** Whether no query attends to a later key, in any head of any frame. */
  readonly causal: boolean
  /** Number of heads in each layer. */
  readonly heads: readonly number[]
  /** The snapshots in the order of training, then the model as it is: finished, or at the step that it has come to. */
  readonly frames: readonly FrameSummary[]
  readonly loss: readonly {
    readonly step: number
    readonly loss: number | null
    readonly validation: number | null
  }[]
}

/** The code of weight 1. */
export const ONE = 65535

/** Number of codes in one head's filter. */
export function filterSize(tokens: number, causal: boolean): number {
  return causal ? (tokens * (tokens + 1)) / 2 : tokens * tokens
}

/** Whether no query attends to a later key. */
export function isCausal(layers: readonly LayerView[]): boolean {
  return layers.every(({ heads }) =>
    heads.every(({ filter }) =>
      filter.every((row, query) => row.every((weight, key) => key <= query || weight === 0)),
    ),
  )
}

/** All filters of one frame as bytes. */
export function packFilters(layers: readonly LayerView[], tokens: number, causal: boolean): Uint8Array {
  const heads = layers.flatMap((layer) => layer.heads)
  const codes = heads.length * filterSize(tokens, causal)
  const bytes = new Uint8Array(2 * codes)
  let at = 0
  for (const { filter } of heads) {
    for (let query = 0; query < tokens; query++) {
      const row = filter[query]!
      const end = causal ? query + 1 : tokens
      for (let key = 0; key < end; key++) {
        const code = Math.round(Math.min(1, Math.max(0, row[key]!)) * ONE)
        bytes[at] = code >> 8
        bytes[codes + at] = code & 255
        at++
      }
    }
  }
  return bytes
}

/** The codes of one frame, from its bytes. */
export function unpackFilters(bytes: Uint8Array): Uint16Array {
  const codes = bytes.length / 2
  const result = new Uint16Array(codes)
  for (let at = 0; at < codes; at++) result[at] = (bytes[at]! << 8) | bytes[codes + at]!
  return result
}
