/**
 * A Llama as the hub lays it out (`config.json`, `model.safetensors`, names as in transformers) as heed's
 * decoder.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decoderConfig, readSafetensors, tensor, type Decoder, type DecoderConfig, type Tensor } from 'heed'

/** The fields that are read. */
interface HubConfig {
  readonly vocab_size: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads: number
  readonly max_position_embeddings: number
  readonly rms_norm_eps: number
  readonly rope_theta: number
}

/** Of those with a tied output and no biases. */
export function readLlama(folder: string): { readonly config: DecoderConfig; readonly model: Decoder } {
  const hub = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as HubConfig
  const { tensors } = readSafetensors(readFileSync(join(folder, 'model.safetensors')))
  const [width, hidden, vocabulary] = [hub.hidden_size, hub.intermediate_size, hub.vocab_size]
  const config = decoderConfig({
    vocabulary,
    width,
    hidden,
    context: hub.max_position_embeddings,
    layers: hub.num_hidden_layers,
    heads: hub.num_attention_heads,
    keyValueHeads: hub.num_key_value_heads,
    epsilon: hub.rms_norm_eps,
    rotaryBase: hub.rope_theta,
  })
  const headWidth = width / config.heads
  /** The file has rows of outputs; names alone say which axis is which. */
  const of = <A extends string>(name: string, shape: Record<A, number>): Tensor<A> =>
    tensor(tensors.get(`model.${name}.weight`)!.toFloat32(), shape)
  const model: Decoder = {
    embedding: { weight: of('embed_tokens', { vocabulary, width }) },
    blocks: Array.from({ length: config.layers }, (_, layer) => {
      const at = `layers.${layer}`
      const projection = (name: string, head: number): Tensor<'head' | 'headWidth' | 'width'> =>
        of(`${at}.self_attn.${name}_proj`, { head, headWidth, width })
      return {
        attentionNorm: { weight: of(`${at}.input_layernorm`, { width }) },
        attention: {
          query: { weight: projection('q', config.heads) },
          key: { weight: projection('k', config.keyValueHeads) },
          value: { weight: projection('v', config.keyValueHeads) },
          output: { weight: of(`${at}.self_attn.o_proj`, { width, head: config.heads, headWidth }) },
        },
        feedForwardNorm: { weight: of(`${at}.post_attention_layernorm`, { width }) },
        feedForward: {
          up: { weight: of(`${at}.mlp.up_proj`, { hidden, width }) },
          gate: { weight: of(`${at}.mlp.gate_proj`, { hidden, width }) },
          down: { weight: of(`${at}.mlp.down_proj`, { width, hidden }) },
        },
      }
    }),
    norm: { weight: of('norm', { width }) },
  }
  return { config, model }
}
