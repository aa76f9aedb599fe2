/**
 * SigLIP (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training"): towers without causal masks and
 * without a class token; a learned query asks the patches, the last position stands for a text.
 */
import { type Binding, linearBinding, normBinding } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import { idOf } from '../encoder-decoder/index.js'
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
import { feedForwardNames, patchBinding, positionsBinding } from './vit-like.js'

const common = {
  width: 768,
  layers: 12,
  heads: 12,
  hidden: 3072,
  activation: 'gelu_pytorch_tanh',
  epsilon: 1e-6,
}

export const siglip: Architecture<TowersDesign, Towers> = towersArchitecture({
  name: 'siglip',
  source: 'Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training',
  modelTypes: ['siglip'],

  design(config) {
    const ofText = config.part('text_config')
    const { layers, ...text } = textTower(ofText, { ...common, vocabulary: 32000, context: 64 })
    const ofImage = config.part('vision_config')
    ofImage.only('vision_use_head', true)
    const { norm, ...image } = imageTower(ofImage, { ...common, size: 224, patch: 16 }, [])
    const features = ofText.size('projection_size', { absent: text.width })
    if (features !== image.width)
      ofText.field('projection_size').refuse(`the width of the tower of pictures, ${image.width}`)
    config.ignore('initializer_factor', 'tie_word_embeddings')
    return {
      architecture: 'siglip',
      vocabulary: text.vocabulary,
      context: text.context,
      width: text.width,
      layers,
      heads: text.heads,
      text: {
        ...text,
        causal: false,
        pooled: { at: 'last', padding: idOf(ofText, 'pad_token_id', 1, text.vocabulary) },
      },
      image: {
        ...image,
        architecture: 'siglip',
        finalNorm: norm,
        vector: { kind: 'probe', layer: image.blocks[0]! },
      },
      features,
      imageProjection: false,
      textProjectionBias: true,
      pairing: 'sigmoid',
      logScale: Math.log(10),
    }
  },

  bindings: () => ({
    leaves: [
      ...textBindings(),
      ...patchBinding('image.patch', 'vision_model.embeddings.patch_embedding'),
      {
        path: 'image.position',
        file: 'vision_model.embeddings.position_embedding.weight',
        axes: ['position', 'width'],
      },
      ...towerBlocks({ path: 'image.', file: 'vision_model.' }),
      ...normBinding('image.norm', 'vision_model.post_layernorm'),
      ...probeBindings('image.probe', 'vision_model.head'),
      ...linearBinding('textProjection', { file: 'text_model.head', from: 'width', to: 'feature' }),
      { path: 'logScale', file: 'logit_scale', axes: ['part'], part: { index: 0, of: 1 } },
      { path: 'logitBias', file: 'logit_bias', axes: ['part'], part: { index: 0, of: 1 } },
    ],
    ignored: towersIgnored,
  }),
})

/** The attention of the learned query, whose three projections are one tensor. */
function probeBindings(path: string, file: string): Binding[] {
  return [
    positionsBinding(`${path}.vector`, `${file}.probe`),
    ...(['query', 'key', 'value'] as const).flatMap((name, index): Binding[] => {
      const part = { index, of: 3 }
      return [
        {
          path: `${path}.attention.${name}.weight`,
          file: `${file}.attention.in_proj_weight`,
          axes: ['part head headWidth', 'width'],
          part,
          over: ['width'],
        },
        {
          path: `${path}.attention.${name}.bias`,
          file: `${file}.attention.in_proj_bias`,
          axes: ['part head headWidth'],
          part,
        },
      ]
    }),
    ...linearBinding(`${path}.attention.output`, {
      file: `${file}.attention.out_proj`,
      from: 'head headWidth',
      to: 'width',
    }),
    ...normBinding(`${path}.norm`, `${file}.layernorm`),
    ...feedForwardNames(`${path}.feedForward`, `${file}.mlp.fc1`, `${file}.mlp.fc2`),
  ]
}
