/**
 * BLIP (Li et al. 2022, "BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language
 * Understanding and Generation"), its captioner: a ViT, and a BERT that is causal and attends to the patches.
 */
import { type Binding, linearBinding, normBinding, tableBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import { checkClass, idOf } from '../encoder-decoder/index.js'
import type { LayerDesign } from '../layer-design.js'
import { type Captioner, captionerArchitecture, type CaptionerDesign } from './captioner.js'
import { imageTower, towerBlocks } from './clip-like.js'
import {
  attentionBindings,
  feedForwardNames,
  patchBinding,
  positionsBinding,
  towerSizes,
} from './vit-like.js'

export const blip: Architecture<CaptionerDesign, Captioner> = captionerArchitecture({
  name: 'blip',
  source: 'Li et al. 2022, BLIP: Bootstrapping Language-Image Pre-training',
  modelTypes: ['blip'],
  textFields: 'text_config',

  design(config) {
    checkClass(config, ['BlipForConditionalGeneration'])
    const { norm, ...image } = imageTower(
      config.part('vision_config'),
      {
        width: 768,
        layers: 12,
        heads: 12,
        hidden: 3072,
        activation: 'gelu',
        epsilon: 1e-5,
        size: 384,
        patch: 16,
      },
      ['class'],
    )
    const text = config.part('text_config')
    const { width, layers, heads } = towerSizes(text, { width: 768, layers: 12, heads: 8 })
    const own = { kind: 'layer', epsilon: text.positive('layer_norm_eps', { absent: 1e-12 }) } as const
    const activation = activationOf(text, 'hidden_act', 'gelu')
    const layer: LayerDesign = {
      shape: {
        width,
        heads,
        hidden: text.size('intermediate_size', { absent: 3072 }),
        contextWidth: image.width,
      },
      arrangement: 'post',
      norm: own,
      activation,
      attention: {},
    }
    const vocabulary = text.size('vocab_size', { absent: 30524 })
    const context = text.size('max_position_embeddings', { absent: 512 })
    text.only('is_decoder', true)
    // Of other models around the same towers, and of training.
    text.ignore('encoder_hidden_size', 'projection_dim', 'label_smoothing', 'initializer_factor')
    config.ignore('image_text_hidden_size', 'projection_dim', 'logit_scale_init_value', 'label_smoothing')
    config.ignore('initializer_factor', 'tie_word_embeddings')
    return {
      architecture: 'blip',
      vocabulary,
      context,
      width,
      layers,
      heads,
      encoder: { ...image, architecture: 'blip', finalNorm: norm, vector: { kind: 'first' } },
      decoder: { blocks: Array.from({ length: layers }, () => layer), embeddingNorm: own },
      position: { kind: 'learned', rows: context, offset: 0 },
      tied: text.flag('tie_word_embeddings', true),
      outputDense: { width, activation, norm: own },
      outputBias: true,
      padding: idOf(text, 'pad_token_id', 0, vocabulary),
      start: idOf(text, 'bos_token_id', 30522, vocabulary),
      end: idOf(text, 'sep_token_id', 102, vocabulary),
    }
  },

  bindings: () => ({
    leaves: [
      ...patchBinding('encoder.patch', 'vision_model.embeddings.patch_embedding'),
      positionsBinding('encoder.token.class', 'vision_model.embeddings.class_embedding'),
      positionsBinding('encoder.position', 'vision_model.embeddings.position_embedding'),
      ...towerBlocks({ path: 'encoder.', file: 'vision_model.' }).filter(
        ({ path }) => !path.startsWith('encoder.blocks.#.attention.'),
      ),
      ...(['query', 'key', 'value'] as const).flatMap((name, index) =>
        linearBinding(`encoder.blocks.#.attention.${name}`, {
          file: 'vision_model.encoder.layers.#.self_attn.qkv',
          from: 'width',
          to: 'part head headWidth',
          part: { index, of: 3 },
        }),
      ),
      ...linearBinding('encoder.blocks.#.attention.output', {
        file: 'vision_model.encoder.layers.#.self_attn.projection',
        from: 'head headWidth',
        to: 'width',
      }),
      ...normBinding('encoder.norm', 'vision_model.post_layernorm'),
      ...bertTargetBindings('text_decoder.'),
    ],
    ignored: [
      'text_decoder.bert.embeddings.position_ids',
      'text_decoder.cls.predictions.decoder.weight',
      'text_decoder.cls.predictions.decoder.bias',
    ],
  }),
})

/** Names of a BERT that writes. */
function bertTargetBindings(file: string): Binding[] {
  const layer = `${file}bert.encoder.layer.#`
  const block = 'decoder.blocks.#'
  const attention = (path: string, place: string): Binding[] => [
    ...attentionBindings(`${block}.${path}`, {
      query: `${layer}.${place}.self.query`,
      key: `${layer}.${place}.self.key`,
      value: `${layer}.${place}.self.value`,
      output: `${layer}.${place}.output.dense`,
    }),
    ...normBinding(`${block}.${path}Norm`, `${layer}.${place}.output.LayerNorm`),
  ]
  return [
    tableBinding('embedding.weight', `${file}bert.embeddings.word_embeddings.weight`),
    {
      path: 'decoder.position',
      file: `${file}bert.embeddings.position_embeddings.weight`,
      axes: ['position', 'width'],
    },
    ...normBinding('decoder.embeddingNorm', `${file}bert.embeddings.LayerNorm`),
    ...attention('attention', 'attention'),
    ...attention('crossAttention', 'crossattention'),
    ...feedForwardNames(`${block}.feedForward`, `${layer}.intermediate.dense`, `${layer}.output.dense`),
    ...normBinding(`${block}.feedForwardNorm`, `${layer}.output.LayerNorm`),
    ...linearBinding('transform.dense', {
      file: `${file}cls.predictions.transform.dense`,
      from: 'width',
      to: 'hidden',
    }),
    ...normBinding('transform.norm', `${file}cls.predictions.transform.LayerNorm`),
    ...linearBinding('head', { file: `${file}cls.predictions.decoder`, from: 'width', to: 'vocabulary' }),
    { path: 'outputBias', file: `${file}cls.predictions.bias`, axes: ['vocabulary'] },
  ]
}
