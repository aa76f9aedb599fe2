/**
 * CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision"): a
 * causal tower of texts whose end token stands for them, a ViT with a norm in front of its layers.
 */
import { linearBinding, normBinding } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import {
  imageTower,
  textBindings,
  textTower,
  towerBlocks,
  towersArchitecture,
  towersIgnored,
} from './clip-like.js'
import type { Towers } from './towers.js'
import type { TowersDesign } from './towers-design.js'
import { patchBinding } from './vit-like.js'

const common = { layers: 12, activation: 'quick_gelu', epsilon: 1e-5 }

export const clip: Architecture<TowersDesign, Towers> = towersArchitecture({
  name: 'clip',
  source: 'Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision',
  modelTypes: ['clip'],

  design(config) {
    const ofText = config.part('text_config', 'text_config_dict')
    const { layers, ...text } = textTower(ofText, {
      ...common,
      width: 512,
      heads: 8,
      hidden: 2048,
      vocabulary: 49408,
      context: 77,
    })
    const end = ofText.field('eos_token_id')
    const id = end.isNull ? 49407 : end.count(text.vocabulary - 1)
    const { norm, ...image } = imageTower(
      config.part('vision_config', 'vision_config_dict'),
      { ...common, width: 768, heads: 12, hidden: 3072, size: 224, patch: 32 },
      ['class'],
    )
    config.ignore('initializer_factor', 'tie_word_embeddings')
    return {
      architecture: 'clip',
      vocabulary: text.vocabulary,
      context: text.context,
      width: text.width,
      layers,
      heads: text.heads,
      text: {
        ...text,
        causal: true,
        // Configurations of the first files say 2, which isn't the end token of their vocabulary.
        pooled: id === 2 ? { at: 'largest' } : { at: 'end', id },
      },
      image: {
        ...image,
        architecture: 'clip',
        patchBias: false,
        embeddingNorm: norm,
        vector: { kind: 'first', norm },
      },
      features: config.size('projection_dim', { absent: 512 }),
      pairing: 'softmax',
      logScale: config.positive('logit_scale_init_value', { absent: 2.6592 }),
    }
  },

  bindings: () => ({
    leaves: [
      ...textBindings(),
      ...patchBinding('image.patch', 'vision_model.embeddings.patch_embedding'),
      {
        path: 'image.token.class',
        file: 'vision_model.embeddings.class_embedding',
        axes: ['position width'],
      },
      {
        path: 'image.position',
        file: 'vision_model.embeddings.position_embedding.weight',
        axes: ['position', 'width'],
      },
      ...normBinding('image.embeddingNorm', 'vision_model.pre_layrnorm'),
      ...towerBlocks({ path: 'image.', file: 'vision_model.' }),
      ...normBinding('image.vectorNorm', 'vision_model.post_layernorm'),
      ...linearBinding('imageProjection', { file: 'visual_projection', from: 'width', to: 'feature' }),
      ...linearBinding('textProjection', { file: 'text_projection', from: 'width', to: 'feature' }),
      { path: 'logScale', file: 'logit_scale', axes: [] },
    ],
    ignored: towersIgnored,
  }),
})
