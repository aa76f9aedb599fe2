/**
 * What the tensors of GGUF files are called, and in the hub: without `.weight` and `.bias`, `#` for the
 * number of a layer. Source: gguf-py's constants.py and tensor_mapping.py.
 */

/** A tensor's name in GGUF, and its names in the hub: one, or several where architectures differ. */
export type NamePair = readonly [gguf: string, ...hub: readonly string[]]

const llamaLayer = 'model.layers.#'
const gpt2Layer = 'transformer.h.#'
const neoxLayer = 'gpt_neox.layers.#'

/** Decoders. In Gemma 2, Gemma 3 and OLMo 2 some norms come behind a layer; so the hub's names differ. */
export const decoderNames: readonly NamePair[] = [
  ['token_embd', 'model.embed_tokens', 'transformer.wte', 'gpt_neox.embed_in'],
  ['position_embd', 'transformer.wpe'],
  ['output_norm', 'model.norm', 'transformer.ln_f', 'gpt_neox.final_layer_norm'],
  ['output', 'lm_head', 'embed_out'],
  ['blk.#.attn_norm', `${llamaLayer}.input_layernorm`, `${gpt2Layer}.ln_1`, `${neoxLayer}.input_layernorm`],
  ['blk.#.attn_q', `${llamaLayer}.self_attn.q_proj`],
  ['blk.#.attn_k', `${llamaLayer}.self_attn.k_proj`],
  ['blk.#.attn_v', `${llamaLayer}.self_attn.v_proj`],
  [
    'blk.#.attn_qkv',
    `${llamaLayer}.self_attn.qkv_proj`,
    `${gpt2Layer}.attn.c_attn`,
    `${neoxLayer}.attention.query_key_value`,
  ],
  [
    'blk.#.attn_output',
    `${llamaLayer}.self_attn.o_proj`,
    `${gpt2Layer}.attn.c_proj`,
    `${neoxLayer}.attention.dense`,
  ],
  ['blk.#.attn_q_norm', `${llamaLayer}.self_attn.q_norm`],
  ['blk.#.attn_k_norm', `${llamaLayer}.self_attn.k_norm`],
  ['blk.#.post_attention_norm', `${llamaLayer}.post_attention_layernorm`],
  [
    'blk.#.ffn_norm',
    `${llamaLayer}.pre_feedforward_layernorm`,
    `${llamaLayer}.post_attention_layernorm`,
    `${gpt2Layer}.ln_2`,
    `${neoxLayer}.post_attention_layernorm`,
  ],
  ['blk.#.post_ffw_norm', `${llamaLayer}.post_feedforward_layernorm`],
  ['blk.#.ffn_gate', `${llamaLayer}.mlp.gate_proj`],
  [
    'blk.#.ffn_up',
    `${llamaLayer}.mlp.up_proj`,
    `${llamaLayer}.mlp.gate_up_proj`,
    `${gpt2Layer}.mlp.c_fc`,
    `${neoxLayer}.mlp.dense_h_to_4h`,
  ],
  [
    'blk.#.ffn_down',
    `${llamaLayer}.mlp.down_proj`,
    `${gpt2Layer}.mlp.c_proj`,
    `${neoxLayer}.mlp.dense_4h_to_h`,
  ],
]

const bertLayer = 'encoder.layer.#'

/** Encoders; a file of a model with a head has `bert.` before these names in the hub. */
export const bertNames: readonly NamePair[] = [
  ['token_embd', 'embeddings.word_embeddings'],
  ['position_embd', 'embeddings.position_embeddings'],
  ['token_types', 'embeddings.token_type_embeddings'],
  ['token_embd_norm', 'embeddings.LayerNorm'],
  ['blk.#.attn_q', `${bertLayer}.attention.self.query`],
  ['blk.#.attn_k', `${bertLayer}.attention.self.key`],
  ['blk.#.attn_v', `${bertLayer}.attention.self.value`],
  ['blk.#.attn_output', `${bertLayer}.attention.output.dense`],
  ['blk.#.attn_output_norm', `${bertLayer}.attention.output.LayerNorm`],
  ['blk.#.ffn_up', `${bertLayer}.intermediate.dense`],
  ['blk.#.ffn_down', `${bertLayer}.output.dense`],
  ['blk.#.layer_output_norm', `${bertLayer}.output.LayerNorm`],
  ['cls', 'pooler.dense', 'classifier.dense'],
  ['cls.output', 'classifier', 'classifier.out_proj'],
]

/** The self-attention and feed-forward layer of one side; the hub numbers a block's layers. */
function t5Side(gguf: string, hub: string, feedForward: number): NamePair[] {
  const layer = `${hub}.block.#.layer`
  return [
    [`${gguf}.blk.#.attn_norm`, `${layer}.0.layer_norm`],
    ...attention(`${gguf}.blk.#.attn`, `${layer}.0.SelfAttention`),
    [`${gguf}.blk.#.attn_rel_b`, `${layer}.0.SelfAttention.relative_attention_bias`],
    [`${gguf}.blk.#.ffn_norm`, `${layer}.${feedForward}.layer_norm`],
    [`${gguf}.blk.#.ffn_gate`, `${layer}.${feedForward}.DenseReluDense.wi_0`],
    [
      `${gguf}.blk.#.ffn_up`,
      `${layer}.${feedForward}.DenseReluDense.wi_1`,
      `${layer}.${feedForward}.DenseReluDense.wi`,
    ],
    [`${gguf}.blk.#.ffn_down`, `${layer}.${feedForward}.DenseReluDense.wo`],
    [`${gguf}.output_norm`, `${hub}.final_layer_norm`],
  ]
}

function attention(gguf: string, hub: string): NamePair[] {
  return ['q', 'k', 'v', 'o'].map((letter) => [`${gguf}_${letter}`, `${hub}.${letter}`])
}

/** T5: encoder and decoder share the embedding. */
export const t5Names: readonly NamePair[] = [
  ['token_embd', 'shared'],
  ['output', 'lm_head'],
  ...t5Side('enc', 'encoder', 1),
  ...t5Side('dec', 'decoder', 2),
  ['dec.blk.#.cross_attn_norm', 'decoder.block.#.layer.1.layer_norm'],
  ...attention('dec.blk.#.cross_attn', 'decoder.block.#.layer.1.EncDecAttention'),
]
