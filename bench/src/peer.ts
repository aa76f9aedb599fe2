/**
 * The one interface between the harness and whatever it measures: heed, a peer, or a limit of the machine.
 */

/** a (m × k) · b (k × n). `b` is a weight: it may be brought into any form before the clock starts. */
export type MatmulWork = { kind: 'matmul'; m: number; k: number; n: number }
/**
 * softmax(query · keyᵀ / √width) · value; each array is [head, position, width] as given, and may be laid out
 * otherwise before the clock starts. With `gradient`, one run is forward and backward: the results are the
 * gradients of Σ output × outputGradient by query, key and value.
 */
export type AttentionWork = {
  kind: 'attention'
  heads: number
  length: number
  width: number
  causal: boolean
  gradient: boolean
  /** Each query sees itself and the `window` − 1 keys before it. */
  window?: number
}
/** One BERT encoder layer (post-norm, exact GELU, norm epsilon 1e-12), batch 1. */
export type LayerWork = { kind: 'layer'; length: number; width: number; heads: number; hidden: number }
/**
 * One step of a character model: pre-norm decoder, learned positions, no biases, exact GELU, hidden 4 ×
 * width, output tied to the embedding, mean cross-entropy; AdamW (rate 1e-3, betas 0.9 and 0.99, epsilon
 * 1e-8, decay 0.1 on every matrix). The result is the loss of each step so far, before that step's update.
 */
export type TrainWork = {
  kind: 'train'
  layers: number
  width: number
  heads: number
  context: number
  vocabulary: number
  batch: number
}
/**
 * One operation over rows × columns floats. `norm` is layer normalization with scale and shift, epsilon 1e-5.
 */
export type RowsWork = {
  kind: 'rows'
  operation: 'add' | 'gelu' | 'softmax' | 'norm'
  rows: number
  columns: number
}
/** a + b, `size` floats: what one operation costs when there is nothing to compute. */
export type AddWork = { kind: 'add'; size: number }

/**
 * A sentence encoder of MiniLM-L6's build (Wang et al. 2020; sentence-transformers): embeddings of words,
 * positions and the first type, a norm, post-norm layers as in `LayerWork`, the mean over the positions,
 * scaled to length 1. No padding. The result is [batch, width].
 */
export type EncoderWork = {
  kind: 'encoder'
  layers: number
  width: number
  heads: number
  hidden: number
  vocabulary: number
  length: number
  batch: number
}
/**
 * Writing `tokens` tokens on by a decoder of GPT-2's build (Radford et al. 2019), the likeliest each time,
 * one after the other, with a key/value cache that holds `prompt` positions before the first. Pre-norm with
 * biases, epsilon 1e-5, learned positions, GELU by tanh, hidden 4 × width, output tied to the embedding.
 * Every run starts at the prompt's end again. The result is the logits of the run's first step.
 */
export type DecodeWork = {
  kind: 'decode'
  layers: number
  width: number
  heads: number
  vocabulary: number
  prompt: number
  tokens: number
  /** What the matrices are stored as. Norms, biases and positions are f32. */
  weights: WeightFormat
}
/** f32, or blocks of 32 with one f16 scale, as GGUF names them. */
export type WeightFormat = 'f32' | 'f16' | 'q8_0' | 'q4_0'

export type Work =
  | MatmulWork
  | AttentionWork
  | LayerWork
  | TrainWork
  | RowsWork
  | AddWork
  | EncoderWork
  | DecodeWork
export type Kind = Work['kind']

/** A named array: row-major values and their shape. */
export type Values = { shape: readonly number[]; values: Float32Array }

export type Inputs = {
  matmul: { a: Float32Array; b: Float32Array }
  attention: {
    query: Float32Array
    key: Float32Array
    value: Float32Array
    outputGradient: Float32Array
  }
  /** Weights are [in, out]. */
  layer: { x: Float32Array; weights: Record<LayerWeight, Values> }
  /** Every batch is [batch, context + 1] token ids; step s uses batches[s % batches.length]. */
  train: { parameters: Record<string, Values>; batches: Int32Array[] }
  rows: { a: Float32Array; b: Float32Array; scale: Float32Array; shift: Float32Array }
  add: { a: Float32Array; b: Float32Array }
  /**
   * `ids` are [batch, length]; parameters `word`, `position`, `type`, `embeddingNorm…`, and `layerN.` with a
   * layer's weights.
   */
  encoder: { parameters: Record<string, Values>; ids: Int32Array }
  /** `ids` are the prompt's, and the one that the first step is given. Weights are [in, out]. */
  decode: { parameters: Record<string, Values>; ids: Int32Array }
}

export type LayerWeight =
  | 'queryWeight'
  | 'queryBias'
  | 'keyWeight'
  | 'keyBias'
  | 'valueWeight'
  | 'valueBias'
  | 'outputWeight'
  | 'outputBias'
  | 'attentionNormScale'
  | 'attentionNormShift'
  | 'hiddenWeight'
  | 'hiddenBias'
  | 'projectionWeight'
  | 'projectionBias'
  | 'normScale'
  | 'normShift'

/** A work whose inputs lie ready in the engine's memory. */
export interface Prepared {
  /**
   * Do the work once, to its end: nothing lazy, nothing left in flight. The result stays in the engine's
   * memory (the previous run's result is released).
   */
  run(): void | Promise<void>
  /** Seconds for that many runs, where the engine has a clock of its own nearer to the work. */
  time?(runs: number): Promise<number>
  /** The results of one run, read back as plain arrays (not timed). */
  read(): Float32Array[] | Promise<Float32Array[]>
  dispose(): void | Promise<void>
  /** For limits only: the operations or bytes of one run, where they differ from the work's own. */
  amount?: number
}

/** One of the ways in which an engine can do a work. The harness checks each and times the fastest. */
export interface Formulation {
  name: string
  prepare(): Promise<Prepared>
  /**
   * The share of the largest value that this engine's number formats may cost, where that is more than f32's.
   */
  tolerance?: number
}

type Formulate<K extends Kind> = (work: Extract<Work, { kind: K }>, inputs: Inputs[K]) => Formulation[]

/** An engine. A kind of work that it leaves out, it does not do. */
export type Peer = {
  version: string
  /** What it runs on: 'wasm', 'x64'. */
  target: string
  /** How it is set up, in a few words: threads, SIMD. */
  configuration: string
  /** Bytes of resident memory now and at their peak, where another process than this one computes. */
  memory?(): Promise<{ resident: number; peak: number }>
} & { [K in Kind]?: Formulate<K> }

/** What a peer's module exports. `variant` tells apart several set-ups of the same engine. */
export type PeerModule = { load(variant: string): Promise<Peer> }
