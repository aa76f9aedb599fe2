import { filterSize, ONE, unpackFilters, type FrameSummary, type Payload } from '../payload.js'

/** One moment of training, unpacked. */
export interface Frame {
  readonly index: number
  readonly summary: FrameSummary
  /** 16-bit codes, see payload.ts. */
  readonly codes: Uint16Array
}

/** The report's facts, and its frames. */
export interface Data {
  readonly payload: Payload
  readonly tokens: number
  readonly heads: number
  layerOf(head: number): number
  /** The head's number within its layer. */
  numberOf(head: number): number
  /** `L2 H5` */
  nameOf(head: number): string
  mayAttend(query: number, key: number): boolean
  /** The code of a weight; 0 where the query may not attend. */
  code(frame: Frame, head: number, query: number, key: number): number
  weight(frame: Frame, head: number, query: number, key: number): number
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

export function openData(payload: Payload): Data {
  const tokens = payload.tokens.length
  const { causal } = payload
  const size = filterSize(tokens, causal)
  const places = payload.heads.flatMap((count, layer) =>
    Array.from({ length: count }, (_, number) => ({ layer, number })),
  )
  const kept = new Map<number, Promise<Frame>>()
  const keep = Math.max(2, Math.floor(KEPT_BYTES / (2 * size * places.length)))

  async function read(index: number): Promise<Frame> {
    const base64 = document.getElementById(`frame-${index}`)?.textContent ?? ''
    return { index, summary: payload.frames[index]!, codes: unpackFilters(await inflate(base64)) }
  }

  const data: Data = {
    payload,
    tokens,
    heads: places.length,
    layerOf: (head) => places[head]!.layer,
    numberOf: (head) => places[head]!.number,
    nameOf: (head) => `L${places[head]!.layer} H${places[head]!.number}`,
    mayAttend: (query, key) => !causal || key <= query,
    code(frame, head, query, key) {
      if (!causal) return frame.codes[head * size + query * tokens + key]!
      return key > query ? 0 : frame.codes[head * size + (query * (query + 1)) / 2 + key]!
    },
    weight: (frame, head, query, key) => data.code(frame, head, query, key) / ONE,
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
