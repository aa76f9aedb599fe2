/**
 * What the tensors of GGUF files are called, and in the hub: without `.weight` and `.bias`, `#` for the
 * number of a layer. Source: gguf-py's constants.py and tensor_mapping.py.
 */

/** A tensor's name in GGUF, and its name in the hub, with others that it may have there. */
export type NamePair = readonly [gguf: string, hub: string, ...others: readonly string[]]

const layer = 'model.layers.#'

const llamaShared: readonly NamePair[] = [
  ['token_embd', 'model.embed_tokens'],
  ['output_norm', 'model.norm'],
  ['output', 'lm_head'],
  ['blk.#.attn_q', `${layer}.self_attn.q_proj`],
  ['blk.#.attn_k', `${layer}.self_attn.k_proj`],
  ['blk.#.attn_v', `${layer}.self_attn.v_proj`],
  ['blk.#.attn_output', `${layer}.self_attn.o_proj`],
  ['blk.#.attn_q_norm', `${layer}.self_attn.q_norm`],
  ['blk.#.attn_k_norm', `${layer}.self_attn.k_norm`],
  ['blk.#.ffn_gate', `${layer}.mlp.gate_proj`],
  ['blk.#.ffn_up', `${layer}.mlp.up_proj`],
  ['blk.#.ffn_down', `${layer}.mlp.down_proj`],
]

/** Llama and what has its norms before each layer. */
export const llamaNames: readonly NamePair[] = [
  ...llamaShared,
  ['blk.#.attn_norm', `${layer}.input_layernorm`],
  ['blk.#.ffn_norm', `${layer}.post_attention_layernorm`],
]

/** Gemma 2, Gemma 3 and OLMo 2 have norms behind each layer, Gemma before it too. */
export const postNormNames: readonly NamePair[] = [
  ...llamaShared,
  ['blk.#.attn_norm', `${layer}.input_layernorm`],
  ['blk.#.post_attention_norm', `${layer}.post_attention_layernorm`],
  ['blk.#.ffn_norm', `${layer}.pre_feedforward_layernorm`],
  ['blk.#.post_ffw_norm', `${layer}.post_feedforward_layernorm`],
]

/** Phi 3 has fused maps. */
export const phi3Names: readonly NamePair[] = [
  ...llamaNames.filter(([gguf]) => !/attn_[qkv]$|ffn_(gate|up)$/.test(gguf)),
  ['blk.#.attn_qkv', `${layer}.self_attn.qkv_proj`],
  ['blk.#.ffn_up', `${layer}.mlp.gate_up_proj`],
]

export const gpt2Names: readonly NamePair[] = [
  ['token_embd', 'transformer.wte'],
  ['position_embd', 'transformer.wpe'],
  ['output_norm', 'transformer.ln_f'],
  ['output', 'lm_head'],
  ['blk.#.attn_norm', 'transformer.h.#.ln_1'],
  ['blk.#.attn_qkv', 'transformer.h.#.attn.c_attn'],
  ['blk.#.attn_output', 'transformer.h.#.attn.c_proj'],
  ['blk.#.ffn_norm', 'transformer.h.#.ln_2'],
  ['blk.#.ffn_up', 'transformer.h.#.mlp.c_fc'],
  ['blk.#.ffn_down', 'transformer.h.#.mlp.c_proj'],
]

export const neoxNames: readonly NamePair[] = [
  ['token_embd', 'gpt_neox.embed_in'],
  ['output_norm', 'gpt_neox.final_layer_norm'],
  ['output', 'embed_out', 'lm_head'],
  ['blk.#.attn_norm', 'gpt_neox.layers.#.input_layernorm'],
  ['blk.#.attn_qkv', 'gpt_neox.layers.#.attention.query_key_value'],
  ['blk.#.attn_output', 'gpt_neox.layers.#.attention.dense'],
  ['blk.#.ffn_norm', 'gpt_neox.layers.#.post_attention_layernorm'],
  ['blk.#.ffn_up', 'gpt_neox.layers.#.mlp.dense_h_to_4h'],
  ['blk.#.ffn_down', 'gpt_neox.layers.#.mlp.dense_4h_to_h'],
]

const encoder = 'bert.encoder.layer.#'

/** Encoders; files of a model without a head have no `bert.` before these names in the hub. */
export const bertNames: readonly NamePair[] = [
  ['token_embd', 'bert.embeddings.word_embeddings'],
  ['position_embd', 'bert.embeddings.position_embeddings'],
  ['token_types', 'bert.embeddings.token_type_embeddings'],
  ['token_embd_norm', 'bert.embeddings.LayerNorm'],
  ['blk.#.attn_q', `${encoder}.attention.self.query`],
  ['blk.#.attn_k', `${encoder}.attention.self.key`],
  ['blk.#.attn_v', `${encoder}.attention.self.value`],
  ['blk.#.attn_output', `${encoder}.attention.output.dense`],
  ['blk.#.attn_output_norm', `${encoder}.attention.output.LayerNorm`],
  ['blk.#.ffn_up', `${encoder}.intermediate.dense`],
  ['blk.#.ffn_down', `${encoder}.output.dense`],
  ['blk.#.layer_output_norm', `${encoder}.output.LayerNorm`],
  ['cls', 'bert.pooler.dense', 'classifier.dense'],
  ['cls.output', 'classifier', 'classifier.out_proj'],
]

/** The self-attention and feed-forward layer of one side; the hub numbers a block's layers. */
function t5Side(gguf: string, hub: string, feedForward: number): NamePair[] {
  const block = `${hub}.block.#.layer`
  return [
    [`${gguf}.blk.#.attn_norm`, `${block}.0.layer_norm`],
    ...attention(`${gguf}.blk.#.attn`, `${block}.0.SelfAttention`),
    [`${gguf}.blk.#.attn_rel_b`, `${block}.0.SelfAttention.relative_attention_bias`],
    [`${gguf}.blk.#.ffn_norm`, `${block}.${feedForward}.layer_norm`],
    [`${gguf}.blk.#.ffn_gate`, `${block}.${feedForward}.DenseReluDense.wi_0`],
    [
      `${gguf}.blk.#.ffn_up`,
      `${block}.${feedForward}.DenseReluDense.wi_1`,
      `${block}.${feedForward}.DenseReluDense.wi`,
    ],
    [`${gguf}.blk.#.ffn_down`, `${block}.${feedForward}.DenseReluDense.wo`],
    [`${gguf}.output_norm`, `${hub}.final_layer_norm`],
  ]
}

function attention(gguf: string, hub: string): NamePair[] {
  return ['q', 'k', 'v', 'o'].map((letter) => [`${gguf}_${letter}`, `${hub}.${letter}`])
}

/** T5: encoder and decoder share the embedding. */
export const t5Names: readonly NamePair[] = [
  ['token_embd', 'shared', 'encoder.embed_tokens', 'decoder.embed_tokens'],
  ['output', 'lm_head'],
  ...t5Side('enc', 'encoder', 1),
  ...t5Side('dec', 'decoder', 2),
  ['dec.blk.#.cross_attn_norm', 'decoder.block.#.layer.1.layer_norm'],
  ...attention('dec.blk.#.cross_attn', 'decoder.block.#.layer.1.EncDecAttention'),
]
