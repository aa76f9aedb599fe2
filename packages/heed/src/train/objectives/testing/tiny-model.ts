/** Tiny models before training, as folders in the hub's layout, for what trains them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomKey } from '../../../base/index.js'
import { treeTensors } from '../../../checkpoint/index.js'
import { writeSafetensors } from '../../../formats/index.js'
import { type Design, openCheckpoint } from '../../../models/index.js'
import { normalInitializer } from '../../../nn/index.js'
import { saveTokenizer, trainTokenizer } from '../../../text/index.js'
import { corpus } from './texts.js'

/** Configurations beside the vocabulary's size, by type of model. */
export const tinyConfigs = {
  bert: {
    model_type: 'bert',
    architectures: ['BertModel'],
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 64,
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
  },
  llama: {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-6,
  },
  t5: {
    model_type: 't5',
    architectures: ['T5ForConditionalGeneration'],
    d_model: 16,
    d_kv: 8,
    d_ff: 32,
    num_layers: 2,
    num_heads: 2,
    pad_token_id: 0,
    eos_token_id: 3,
    decoder_start_token_id: 0,
    dropout_rate: 0.1,
  },
  clip: {
    model_type: 'clip',
    architectures: ['CLIPModel'],
    projection_dim: 16,
    text_config: {
      hidden_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 32,
      max_position_embeddings: 16,
      eos_token_id: 3,
    },
    vision_config: {
      hidden_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 32,
      image_size: 8,
      patch_size: 4,
    },
  },
  captioner: {
    model_type: 'vision-encoder-decoder',
    architectures: ['VisionEncoderDecoderModel'],
    pad_token_id: 0,
    decoder_start_token_id: 2,
    eos_token_id: 3,
    encoder: {
      model_type: 'vit',
      hidden_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 32,
      image_size: 8,
      patch_size: 4,
    },
    decoder: {
      model_type: 'gpt2',
      add_cross_attention: true,
      is_decoder: true,
      n_embd: 16,
      n_layer: 2,
      n_head: 2,
      n_positions: 16,
    },
  },
} as const

/** Of the models with pictures. */
const processor = {
  image_processor_type: 'ViTImageProcessor',
  do_resize: true,
  size: { height: 8, width: 8 },
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
}

/**
 * Writes a folder of such a model, with a tokenizer of WordPiece that knows the words of `texts.ts`.
 *
 * @param changes of the configuration
 */
export async function writeTinyModel(
  folder: string,
  type: keyof typeof tinyConfigs,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const isPair = type === 'bert'
  const tokenizer = await trainTokenizer([corpus.join(' '), corpus.join(' ')], {
    model: 'WordPiece',
    vocabularySize: 400,
    special: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    preTokenizer: { type: 'BertPreTokenizer' },
    ...(isPair && { postProcessor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] } }),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'tokenizer.json'), saveTokenizer(tokenizer))
  const size = { vocab_size: tokenizer.size }
  const own: Readonly<Record<string, unknown>> = tinyConfigs[type]
  const part = type === 'clip' ? 'text_config' : type === 'captioner' ? 'decoder' : undefined
  const sized = part === undefined ? size : { [part]: { ...(own[part] as object), ...size } }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...own, ...sized, ...changes }))
  if (part !== undefined) writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(processor))
  const { architecture, design } = openCheckpoint(folder)
  const initializer = normalInitializer(0.15)
  const model = architecture!.create(design as Design, randomKey(5), { initializer })
  const tensors = treeTensors(model, architecture!.bindings(design as Design))
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors))
}

/** A folder for one test file; `remove` takes it away. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'heed-train-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
