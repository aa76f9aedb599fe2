/** What BART and the models that are built like it share: configuration and names of weights. */
import {
  type Binding,
  type Bindings,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { LayerDesign } from '../layer-design.js'
import { checkClass, idOf } from './config.js'
import type { EncoderDecoderDesign, PositionDesign, StackDesign } from './design.js'

/** How one of them differs from the others. */
export interface BartLike {
  readonly architecture: string
  /** The classes of the hub whose weights these are: with the output, and without it. */
  readonly classes: readonly [withOutput: string, withoutOutput: string]
  /** Where the norms stand. Those that have them in front have one more behind the last layer. */
  readonly norms: 'pre' | 'post'
  /** Whether the embeddings are normalized. */
  readonly embeddingNorm: boolean
  /** Positions, where the table of the configuration has so many. */
  readonly position: (fields: { readonly context: number; readonly padding: number }) => PositionDesign
  /** `scale_embedding`, where the configuration doesn't say it. */
  readonly scaled: boolean
  /** `activation_function`, where it doesn't say it. */
  readonly activation: string
  /** Whether files have `final_logits_bias`. */
  readonly outputBias: boolean
  /** Whether the configuration may say that the output is no embedding; default false. */
  readonly ownHead?: boolean
  /** Padding and start, where it doesn't say them; start undefined: the target's language. */
  readonly padding: number
  readonly start: number | undefined
}

/** The design of a configuration that is like BART's. */
export function bartLikeDesign(config: CheckpointConfig, like: BartLike): EncoderDecoderDesign {
  const { architecture, classes, norms, embeddingNorm } = like
  checkClass(config, classes)
  const width = config.size('d_model', { absent: 1024 })
  const context = config.size('max_position_embeddings', { absent: 1024 })
  const vocabulary = config.size('vocab_size', { absent: 50265 })
  const padding = idOf(config, 'pad_token_id', like.padding, vocabulary)
  const activation = activationOf(config, 'activation_function', like.activation)
  const norm = { kind: 'layer', epsilon: 1e-5 } as const
  const pre = norms === 'pre'
  const stack = (name: 'encoder' | 'decoder'): StackDesign => {
    const heads = config.size(`${name}_attention_heads`, { absent: 16, most: 1024 })
    if (width % heads !== 0)
      config.field(`${name}_attention_heads`).refuse(`a number that divides the width, ${width}`)
    const hidden = config.size(`${name}_ffn_dim`, { absent: 4096 })
    const layer: LayerDesign = {
      shape: { width, heads, hidden },
      arrangement: norms,
      norm,
      activation,
      attention: {},
    }
    const layers = config.size(`${name}_layers`, { absent: 12, most: 1024 })
    return {
      blocks: Array.from({ length: layers }, () => layer),
      ...(embeddingNorm && { embeddingNorm: norm }),
      ...(pre && { finalNorm: norm }),
    }
  }
  const [encoder, decoder] = [stack('encoder'), stack('decoder')]
  const position = like.position({ context, padding })
  // The class decides what these say; old files have them.
  config.only('normalize_before', pre)
  config.only('add_final_layer_norm', pre)
  config.only('normalize_embedding', embeddingNorm)
  config.only('static_position_embeddings', position.kind === 'sinusoidal')
  config.only('add_bias_logits', false)
  config.ignore('num_hidden_layers', 'extra_pos_embeddings', 'classif_dropout', '_num_labels')
  config.ignore('force_bos_token_to_be_generated', 'save_step', 'decoder_start_token_id')
  if (like.ownHead !== true) config.only('tie_word_embeddings', true)
  return {
    architecture,
    vocabulary,
    context,
    width,
    layers: decoder.blocks.length,
    heads: decoder.blocks[0]!.shape.heads,
    encoder,
    decoder,
    position,
    embeddingScale: config.flag('scale_embedding', like.scaled) ? Math.sqrt(width) : undefined,
    tied: config.flag('tie_word_embeddings', true),
    outputBias: like.outputBias,
    padding,
    start:
      like.start === undefined ? undefined : idOf(config, 'decoder_start_token_id', like.start, vocabulary),
  }
}

/** Names as BART has them; of what a model lacks, the binding is without effect. */
export function bartLikeBindings({ sourceVocabulary }: EncoderDecoderDesign): Bindings {
  const shared = sourceVocabulary === undefined
  return {
    prefixes: ['model.'],
    leaves: [
      tableBinding('embedding.weight', shared ? 'model.shared.weight' : 'model.encoder.embed_tokens.weight'),
      tableBinding('decoder.embedding.weight', 'model.decoder.embed_tokens.weight'),
      ...linearBinding('head', { file: 'lm_head', from: 'width', to: 'vocabulary' }),
      ...stackBindings('encoder'),
      ...stackBindings('decoder'),
      {
        path: 'outputBias',
        file: 'final_logits_bias',
        axes: ['part', 'vocabulary'],
        part: { index: 0, of: 1 },
      },
    ],
    ignored: [
      'lm_head.weight',
      'encoder.version',
      'decoder.version',
      'encoder.embed_tokens.weight',
      'decoder.embed_tokens.weight',
      // Sines and cosines.
      'encoder.embed_positions.weight',
      'decoder.embed_positions.weight',
      'encoder.embed_positions.weights',
      'decoder.embed_positions.weights',
      'encoder.embed_positions._float_tensor',
      'decoder.embed_positions._float_tensor',
    ],
  }
}

/** Names of a stack as BART has them. */
export function stackBindings(name: 'encoder' | 'decoder'): Binding[] {
  const block = `${name}.blocks.#`
  const file = `model.${name}.layers.#`
  const map = (path: string, tensor: string, from: string, to: string): Binding[] =>
    linearBinding(`${block}.${path}`, { file: `${file}.${tensor}`, from, to })
  const attention = (path: string, place: string): Binding[] => [
    ...map(`${path}.query`, `${place}.q_proj`, 'width', 'head headWidth'),
    ...map(`${path}.key`, `${place}.k_proj`, 'width', 'head headWidth'),
    ...map(`${path}.value`, `${place}.v_proj`, 'width', 'head headWidth'),
    ...map(`${path}.output`, `${place}.out_proj`, 'head headWidth', 'width'),
  ]
  return [
    { path: `${name}.position`, file: `model.${name}.embed_positions.weight`, axes: ['position', 'width'] },
    ...normBinding(`${name}.embeddingNorm`, `model.${name}.layernorm_embedding`),
    ...attention('attention', 'self_attn'),
    ...normBinding(`${block}.attentionNorm`, `${file}.self_attn_layer_norm`),
    ...attention('crossAttention', 'encoder_attn'),
    ...normBinding(`${block}.crossAttentionNorm`, `${file}.encoder_attn_layer_norm`),
    ...map('feedForward.up', 'fc1', 'width', 'hidden'),
    ...map('feedForward.down', 'fc2', 'hidden', 'width'),
    ...normBinding(`${block}.feedForwardNorm`, `${file}.final_layer_norm`),
    ...normBinding(`${name}.norm`, `model.${name}.layer_norm`),
  ]
}
