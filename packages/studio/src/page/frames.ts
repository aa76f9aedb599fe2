import {
  filterSize,
  frameId,
  ONE,
  unpackFilters,
  type FrameSummary,
  type LayerSummary,
  type Payload,
} from '../payload.js'
import { escaped } from '../terminal/escape.js'
import type { Token } from '../types.js'

/** One moment of training, unpacked. */
export interface Frame {
  readonly index: number
  readonly summary: FrameSummary
  /** 16-bit codes, see payload.ts. */
  readonly codes: Uint16Array
}

/** The report's facts, and its frames. Heads are counted through all layers. */
export interface Data {
  readonly payload: Payload
  readonly heads: number
  layerOf(head: number): number
  /** The head's number within its layer. */
  numberOf(head: number): number
  /** `L2 H5` */
  nameOf(head: number): string
  /** `Layer 2, head 5` */
  titleOf(head: number): string
  /** Several heads, a layer's name once for its heads: `L2 H5 H6 L3 H0`. */
  namesOf(heads: readonly number[]): string
  queriesOf(head: number): readonly Token[]
  keysOf(head: number): readonly Token[]
  /** Whether the head attends from a text to the same text. */
  isSelf(head: number): boolean
  isCausal(head: number): boolean
  /**
   * Whether two heads attend from the same text to the same text, so that their filters can be laid over each
   * other.
   */
  sameTexts(head: number, other: number): boolean
  mayAttend(head: number, query: number, key: number): boolean
  /** The code of a weight; 0 where the query may not attend. */
  code(frame: Frame, head: number, query: number, key: number): number
  weight(frame: Frame, head: number, query: number, key: number): number
  /** The key that a query attends to most. */
  mostAttended(frame: Frame, head: number, query: number): number
  /** A frame, unpacked when first asked for. */
  load(index: number): Promise<Frame>
}

/** Unpacked frames are kept up to this many bytes. */
const KEPT_BYTES = 192 * 1024 * 1024

async function inflate(base64: string): Promise<Uint8Array> {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** A head, and where its filter begins among the codes of a frame. */
interface Place {
  readonly layer: number
  readonly number: number
  readonly start: number
  readonly summary: LayerSummary
  readonly queries: readonly Token[]
  readonly keys: readonly Token[]
}

function placesOf({ layers, texts }: Payload): { readonly places: readonly Place[]; readonly codes: number } {
  let codes = 0
  const places = layers.flatMap((summary, layer) => {
    const [queries, keys] = [texts[summary.queries]!, texts[summary.keys]!]
    const size = filterSize(queries.length, keys.length, summary.causal)
    return Array.from({ length: summary.heads }, (_, number): Place => {
      const start = codes
      codes += size
      return { layer, number, start, summary, queries, keys }
    })
  })
  return { places, codes }
}

/** @param section which of the page's sections the payload is of */
export function openData(payload: Payload, section: number = 0): Data {
  const { places, codes } = placesOf(payload)
  const kept = new Map<number, Promise<Frame>>()
  const keep = Math.max(2, Math.floor(KEPT_BYTES / (2 * codes)))

  async function read(index: number): Promise<Frame> {
    const base64 = document.getElementById(frameId(index, section))?.textContent ?? ''
    const codes = unpackFilters(await inflate(base64), payload.bits)
    return { index, summary: payload.frames[index]!, codes }
  }

  const data: Data = {
    payload,
    heads: places.length,
    layerOf: (head) => places[head]!.layer,
    numberOf: (head) => places[head]!.number,
    nameOf: (head) => `${escaped(places[head]!.summary.short)} H${places[head]!.number}`,
    titleOf(head) {
      const name = escaped(places[head]!.summary.name)
      return `${name.charAt(0).toUpperCase()}${name.slice(1)}, head ${places[head]!.number}`
    },
    namesOf: (heads) =>
      heads
        .map((head, index) =>
          index > 0 && data.layerOf(heads[index - 1]!) === data.layerOf(head)
            ? `H${data.numberOf(head)}`
            : data.nameOf(head),
        )
        .join(' '),
    queriesOf: (head) => places[head]!.queries,
    keysOf: (head) => places[head]!.keys,
    isSelf: (head) => places[head]!.queries === places[head]!.keys,
    isCausal: (head) => places[head]!.summary.causal,
    sameTexts: (head, other) =>
      places[head]!.queries === places[other]!.queries && places[head]!.keys === places[other]!.keys,
    mayAttend: (head, query, key) => !places[head]!.summary.causal || key <= query,
    code(frame, head, query, key) {
      const { start, summary, keys } = places[head]!
      if (!summary.causal) return frame.codes[start + query * keys.length + key]!
      return key > query ? 0 : frame.codes[start + (query * (query + 1)) / 2 + key]!
    },
    weight: (frame, head, query, key) => data.code(frame, head, query, key) / ONE,
    mostAttended(frame, head, query) {
      let most = 0
      for (let key = 1; key < places[head]!.keys.length; key++) {
        if (data.code(frame, head, query, key) > data.code(frame, head, query, most)) most = key
      }
      return most
    },
    load(index) {
      const found = kept.get(index) ?? read(index)
      kept.delete(index) // the latest use goes last
      kept.set(index, found)
      for (const oldest of kept.keys()) {
        if (kept.size <= keep) break
        kept.delete(oldest)
      }
      return found
    },
  }
  return data
}

/** The largest entropy of any head at any moment, in nats; never 0. */
export function highestEntropy(data: Data): number {
  let highest = 1e-9
  for (const frame of data.payload.frames) {
    for (const entropy of frame.scores[0]!) highest = Math.max(highest, entropy ?? 0)
  }
  return highest
}
