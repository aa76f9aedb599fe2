/**
 * Models as a user of heed composes them from its layers: a sentence encoder, and a decoder that writes on.
 */
import {
  addPositions,
  type Block,
  type Decoder,
  decoderConfig,
  type DecoderConfig,
  embed,
  type Embedding,
  encoderBlock,
  KeyValueCache,
  lastLogits,
  type Linear,
  map,
  norm,
  type Norm,
  poolMean,
  type PositionTable,
  type Quantized,
  sample,
  type Sequence,
  sum,
  type Tensor,
  tensor,
} from 'heed'
import type { DecodeWork, EncoderWork, LayerWork, Values } from './peer.js'

export type Parameters = Readonly<Record<string, Values>>
/** The tensor of a name. */
export type Of = <A extends string>(name: string, shape: Record<A, number>) => Tensor<A>

const from =
  (parameters: Parameters): Of =>
  (name, shape) =>
    tensor(parameters[name]!.values, shape)
const under =
  (of: Of, at: string): Of =>
  (name, shape) =>
    of(`${at}${name}`, shape)

const normOf = (of: Of, name: string, width: number): Norm => ({
  weight: of(`${name}Scale`, { width }),
  bias: of(`${name}Shift`, { width }),
})

/** A transformer's block from weights that are [in, out]. */
export function blockOf(
  parameters: Parameters | Of,
  { width, heads, hidden }: Pick<LayerWork, 'width' | 'heads' | 'hidden'>,
): Block {
  const of = typeof parameters === 'function' ? parameters : from(parameters)
  const headWidth = width / heads
  const role = (name: 'query' | 'key' | 'value'): Linear<'width', 'head' | 'headWidth'> => ({
    weight: of(`${name}Weight`, { width, head: heads, headWidth }),
    bias: of(`${name}Bias`, { head: heads, headWidth }),
  })
  return {
    attention: {
      query: role('query'),
      key: role('key'),
      value: role('value'),
      output: {
        weight: of('outputWeight', { head: heads, headWidth, width }),
        bias: of('outputBias', { width }),
      },
    },
    attentionNorm: normOf(of, 'attentionNorm', width),
    feedForward: {
      up: { weight: of('hiddenWeight', { width, hidden }), bias: of('hiddenBias', { hidden }) },
      down: { weight: of('projectionWeight', { hidden, width }), bias: of('projectionBias', { width }) },
    },
    feedForwardNorm: normOf(of, 'norm', width),
  }
}

/** BERT's arrangement of a block. */
export const bert = { arrangement: 'post', norm: { epsilon: 1e-12 }, activation: 'gelu' } as const

export interface Encoder {
  readonly word: Embedding
  readonly position: PositionTable
  /** Of the first type. */
  readonly type: Tensor<'width'>
  readonly norm: Norm
  readonly blocks: readonly Block[]
}

export function encoderOf(parameters: Parameters | Of, work: EncoderWork): Encoder {
  const { layers, width, vocabulary, length } = work
  const of = typeof parameters === 'function' ? parameters : from(parameters)
  return {
    word: { weight: of('word', { vocabulary, width }) },
    position: of('position', { position: length, width }),
    type: of('type', { type: 2, width }).at('type', 0) as Tensor<'width'>,
    norm: normOf(of, 'embeddingNorm', width),
    blocks: Array.from({ length: layers }, (_, layer) => blockOf(under(of, `layer${layer}.`), work)),
  }
}

/** One vector of length 1 for each sentence. */
export function encode(model: Encoder, ids: Tensor<'batch' | 'position'>): Tensor<'batch' | 'width'> {
  let x: Sequence = addPositions(embed(model.word, ids), model.position).add(model.type)
  x = norm(model.norm, x, 'width', bert.norm)
  for (const block of model.blocks) x = encoderBlock(block, x, bert)
  const mean = poolMean(x)
  return map((value, square) => value.div(square.sqrt()), mean, sum(mean.mul(mean), 'width'))
}

export function gpt2Config({ layers, width, heads, vocabulary, prompt, tokens }: DecodeWork): DecoderConfig {
  return decoderConfig({
    architecture: 'decoder',
    vocabulary,
    context: prompt + tokens,
    width,
    layers,
    heads,
    hidden: 4 * width,
    gated: false,
    activation: 'gelu-tanh',
    norm: 'layer',
    epsilon: 1e-5,
    position: 'learned',
    bias: true,
  })
}

export function gpt2Of(parameters: Parameters, work: DecodeWork): Decoder {
  const { layers, width, heads, vocabulary, prompt, tokens } = work
  const of = from(parameters)
  return {
    embedding: { weight: of('embedding', { vocabulary, width }) },
    position: of('position', { position: prompt + tokens, width }),
    blocks: Array.from({ length: layers }, (_, layer) =>
      blockOf(under(of, `layer${layer}.`), { width, heads, hidden: 4 * width }),
    ),
    norm: normOf(of, 'norm', width),
  }
}

/** Writes on after a prompt, again and again from the prompt's end. */
export class Writer {
  readonly #model: Quantized<Decoder>
  readonly #config: DecoderConfig
  readonly #cache = new KeyValueCache()
  readonly #first: number
  readonly #prompt: number

  /** `ids`: the prompt, and the token that the first step is given. */
  constructor(model: Quantized<Decoder>, config: DecoderConfig, ids: Int32Array) {
    this.#model = model
    this.#config = config
    this.#prompt = ids.length - 1
    this.#first = ids[this.#prompt]!
    lastLogits(model, config, ids.subarray(0, this.#prompt), this.#cache)
  }

  /** The first step's logits. */
  write(tokens: number): Float32Array {
    this.#cache.truncate(this.#prompt)
    let id = this.#first
    let first: Float32Array | undefined
    for (let step = 0; step < tokens; step++) {
      const logits = lastLogits(this.#model, this.#config, [id], this.#cache) as Float32Array
      first ??= logits
      id = sample(logits, 0, { temperature: 0 })
    }
    return first!
  }

  dispose(): void {
    this.#cache.dispose()
  }
}
