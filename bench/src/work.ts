/** The works' names, sizes for the check, and how much of what they do. */
import type { DecodeWork, WeightFormat, Work } from './peer.js'

/** The small work that is checked in full before `work` is timed. */
export function smallOf(work: Work): Work {
  switch (work.kind) {
    case 'matmul':
      return { kind: 'matmul', m: Math.min(work.m, 37), k: Math.min(work.k, 61), n: Math.min(work.n, 53) }
    case 'attention':
      return { ...work, heads: 2, length: 37, ...(work.window === undefined ? {} : { window: 11 }) }
    case 'layer':
      return { kind: 'layer', length: 9, width: 64, heads: 4, hidden: 96 }
    case 'train':
      return { kind: 'train', layers: 1, width: 8, heads: 2, context: 4, vocabulary: 7, batch: 2 }
    case 'rows':
      return { ...work, rows: 5 }
    case 'add':
      return work
    case 'encoder':
      return { ...work, layers: 2, width: 64, heads: 4, hidden: 96, vocabulary: 61, length: 9, batch: 3 }
    case 'decode':
      return { ...work, layers: 2, width: 64, heads: 2, vocabulary: 96, prompt: 9, tokens: 3 }
  }
}

function attentionName({
  heads,
  width,
  length,
  causal,
  window,
  gradient,
}: Extract<Work, { kind: 'attention' }>): string {
  const pass = gradient ? 'forward+backward' : 'forward'
  const mask = window === undefined ? (causal ? 'causal' : 'full') : `window ${window}`
  return `attention ${heads}×${width}, length ${length}, ${mask}, ${pass}`
}

export function nameOf(work: Work): string {
  switch (work.kind) {
    case 'matmul':
      return `matmul ${work.m}×${work.k}×${work.n}`
    case 'attention':
      return attentionName(work)
    case 'layer':
      return `BERT-base layer, length ${work.length}`
    case 'train':
      return `character model ${work.layers}×${work.width}, context ${work.context}, batch ${work.batch}`
    case 'rows':
      return `${work.operation} ${work.rows}×${work.columns}`
    case 'add':
      return `add of ${work.size} floats`
    case 'encoder':
      return `MiniLM-L6 sentences, length ${work.length}, batch ${work.batch}`
    case 'decode':
      return `GPT-2 small decoding at ${work.prompt}, ${work.weights}`
  }
}

/** Multiply-adds of an encoder layer on one sequence, counted as two operations each. */
const layerAmount = (length: number, width: number, hidden: number): number =>
  2 * length * (4 * width * width + 2 * width * hidden) + 4 * length * length * width

/** Pairs of query and key that a mask allows. */
function pairsOf({ length, causal, window = length }: Extract<Work, { kind: 'attention' }>): number {
  if (!causal) return length * length
  return length * window - (window * (window - 1)) / 2
}

/** Numbers in the matrices of a decoder's layers, and in its embedding. */
const decoderMatrices = ({ layers, width }: DecodeWork): number => layers * 12 * width * width

/**
 * The least amount that a work takes: floating-point operations (a multiply-add counts two; exp and its like,
 * norms and biases not counted), bytes for `rows` (each input read once, each output written once), calls for
 * `add`.
 */
export function amountOf(work: Work): number {
  switch (work.kind) {
    case 'matmul':
      return 2 * work.m * work.k * work.n
    case 'attention':
      // Forward: 2 products; backward: 5 (the scores again, and the gradients by filter, query, key, value).
      return (work.gradient ? 7 : 2) * 2 * work.heads * pairsOf(work) * work.width
    case 'layer':
      return layerAmount(work.length, work.width, work.hidden)
    case 'train': {
      const { layers, width, context, vocabulary, batch } = work
      const tokens = batch * context
      const dense = 2 * tokens * (layers * 12 * width * width + vocabulary * width)
      const attention = layers * batch * 4 * ((context * (context + 1)) / 2) * width
      return 3 * dense + 3.5 * attention
    }
    case 'rows':
      return bytesOf(work)
    case 'add':
      return 1
    case 'encoder':
      return work.batch * work.layers * layerAmount(work.length, work.width, work.hidden)
    case 'decode':
      return 2 * work.tokens * (decoderMatrices(work) + work.vocabulary * work.width)
  }
}

const bytesOfNumber: Readonly<Record<WeightFormat, number>> = { f32: 4, f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 }

/**
 * The bytes that must move at least: each input read once, each output written once. 0 where that is no
 * measure.
 */
export function bytesOf(work: Work): number {
  switch (work.kind) {
    case 'matmul':
      return 4 * (work.m * work.k + work.k * work.n + work.m * work.n)
    case 'rows':
      return 4 * work.rows * work.columns * (work.operation === 'add' ? 3 : 2)
    case 'decode': {
      const { layers, width, vocabulary, prompt, tokens } = work
      const matrices = decoderMatrices(work) + vocabulary * width
      const cache = 2 * layers * width * (prompt + tokens / 2)
      return tokens * (bytesOfNumber[work.weights] * matrices + 4 * cache)
    }
    default:
      return 0
  }
}
