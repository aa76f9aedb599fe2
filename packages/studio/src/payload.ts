/**
 * How a report's numbers travel inside the page. The filters go as 16-bit codes, `code = round(weight ×
 * 65535)`, so that a weight comes back within 0.0000077 of what it was: the page shows three decimals. A
 * small page has 8-bit codes, `code = round(weight × 255)`: within 0.002. Everything else goes as JSON,
 * exactly.
 *
 * The codes of one frame (all heads, at one moment of training) lie one after the other, head by head, row by
 * row; where no query attends to a later key (a causal layer) row q holds only its keys 0 to q. All high
 * bytes come first, then all low bytes, which compresses better.
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

/** One layer: its name, its texts, its heads. */
export interface LayerSummary {
  /** `layer 3`, or a name. */
  readonly name: string
  /** `L3`, or a name. */
  readonly short: string
  readonly heads: number
  /** Which of {@link Payload.texts} the queries and the keys come from. */
  readonly queries: number
  readonly keys: number
  /** Whether no query attends to a later key, in any head of any frame. */
  readonly causal: boolean
}

/** Everything on the page but the filters. */
export interface Payload {
  readonly title: string
  readonly model: ModelSummary | null
  /** Of the codes. */
  readonly bits: FilterBits
  /** The model that the training began with; null for none, or a new one. */
  readonly from: string | null
  readonly texts: readonly (readonly Token[])[]
  readonly next: readonly Prediction[]
  readonly layers: readonly LayerSummary[]
  /**
   * The snapshots in the order of training, then the model as it is: finished, or at the step that it has
   * come to.
   */
  readonly frames: readonly FrameSummary[]
  readonly loss: readonly {
    readonly step: number
    readonly loss: number | null
    readonly validation: number | null
  }[]
}

/** The code of weight 1. */
export const ONE = 65535

/** Bits that a weight takes on a page. */
export type FilterBits = 8 | 16

/** The code of weight 1 in 8 bits. */
const SHORT_ONE = 255

/** Number of codes in one head's filter. */
export function filterSize(queries: number, keys: number, causal: boolean): number {
  return causal ? (queries * (queries + 1)) / 2 : queries * keys
}

/**
 * All filters of one frame as bytes; `causal` says of each layer whether only keys up to the query are kept.
 */
export function packFilters(
  layers: readonly LayerView[],
  causal: readonly boolean[],
  bits: FilterBits = 16,
): Uint8Array {
  const rows = layers.flatMap(({ heads }, layer) =>
    heads.flatMap(({ filter }) =>
      filter.map((row, query) => ({ row, end: causal[layer] === true ? query + 1 : row.length })),
    ),
  )
  const codes = rows.reduce((sum, { end }) => sum + end, 0)
  const bytes = new Uint8Array((bits / 8) * codes)
  let at = 0
  for (const { row, end } of rows) {
    for (let key = 0; key < end; key++) {
      const weight = Math.min(1, Math.max(0, row[key]!))
      if (bits === 8) bytes[at] = Math.round(weight * SHORT_ONE)
      else {
        const code = Math.round(weight * ONE)
        bytes[at] = code >> 8
        bytes[codes + at] = code & 255
      }
      at++
    }
  }
  return bytes
}

/** The 16-bit codes of one frame, from its bytes. */
export function unpackFilters(bytes: Uint8Array, bits: FilterBits = 16): Uint16Array {
  if (bits === 8) return Uint16Array.from(bytes, (code) => code * (ONE / SHORT_ONE))
  const codes = bytes.length / 2
  const result = new Uint16Array(codes)
  for (let at = 0; at < codes; at++) result[at] = (bytes[at]! << 8) | bytes[codes + at]!
  return result
}

/** The ids of the elements that hold a section's numbers, and those of its frames. */
export function payloadId(section: number): string {
  return section === 0 ? 'payload' : `payload-${section}`
}

export function frameId(frame: number, section: number): string {
  return section === 0 ? `frame-${frame}` : `frame-${section}-${frame}`
}
