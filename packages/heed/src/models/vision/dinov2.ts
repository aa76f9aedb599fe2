/**
 * DINOv2 (Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision"): a ViT whose
 * layers' results are scaled by learned vectors (Touvron et al. 2021, "Going deeper with Image Transformers",
 * section 2), learned without labels.
 */
import { type Binding, type CheckpointConfig, linearBinding, normBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import type { VisionDesign } from './design.js'
import { visionArchitecture } from './architecture.js'
import type { VisionEncoder } from './vision-encoder.js'
import {
  attentionBindings,
  feedForwardNames,
  pictureHeadOf,
  pictureOf,
  positionsOf,
  towerSizes,
  type VisionPlace,
  vitEmbeddings,
} from './vit-like.js'

export const dinov2: Architecture<VisionDesign, VisionEncoder> = visionArchitecture({
  name: 'dinov2',
  source: 'Oquab et al. 2023, DINOv2: Learning Robust Visual Features without Supervision',
  modelTypes: ['dinov2'],
  design: (config) => ({
    ...dinov2Design(config),
    head: pictureHeadOf(config, { ImageClassification: 'first and mean' }),
  }),
  bindings: ({ head, blocks }) => ({
    prefixes: ['dinov2.'],
    leaves: [
      ...dinov2Bindings(
        { path: '', file: head === undefined ? '' : 'dinov2.' },
        blocks[0]?.shape.gated === true,
      ),
      ...linearBinding('head', { file: 'classifier', from: 'half width', to: 'label' }),
    ],
    ignored: ['classifier.*', 'embeddings.mask_token'],
  }),
})

/** The design of a DINOv2, but for the head. */
export function dinov2Design(config: CheckpointConfig): VisionDesign {
  const { width, layers, heads } = towerSizes(config, { width: 768, layers: 12, heads: 12 })
  const picture = pictureOf(config, { size: 224, patch: 14 })
  const norm = { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-6 }) } as const
  const wide = Math.trunc(width * config.positive('mlp_ratio', { absent: 4 }))
  const gated = config.flag('use_swiglu_ffn', false)
  const activation = activationOf(config, 'hidden_act', 'gelu')
  const layer: LayerDesign = {
    shape: {
      width,
      heads,
      hidden: gated ? Math.ceil(Math.trunc((wide * 2) / 3) / 8) * 8 : wide,
      gated,
      bias: config.flag('qkv_bias', true),
      outputBias: true,
      feedForwardBias: true,
      normBias: true,
      outputScale: config.positive('layerscale_value', { absent: 1 }),
    },
    norm,
    activation: gated ? 'silu' : activation,
    attention: {},
  }
  // What a backbone gives of each stage.
  config.ignore('apply_layernorm', 'reshape_hidden_states', 'out_features', 'out_indices', 'stage_names')
  config.ignore('drop_path_rate', 'tie_word_embeddings')
  return {
    architecture: 'dinov2',
    vocabulary: 0,
    context: positionsOf(picture, ['class']),
    width,
    layers,
    heads,
    picture,
    tokens: ['class'],
    maskToken: config.flag('use_mask_token', true),
    blocks: Array.from({ length: layers }, () => layer),
    finalNorm: norm,
    vector: { kind: 'first' },
  }
}

/** Names as DINOv2 has them. */
export function dinov2Bindings({ path, file }: VisionPlace, gated: boolean): Binding[] {
  const layer = `${file}encoder.layer.#`
  const block = `${path}blocks.#`
  const feedForward = `${block}.feedForward`
  const half = (name: string, index: number): Binding[] =>
    linearBinding(`${feedForward}.${name}`, {
      file: `${layer}.mlp.weights_in`,
      from: 'width',
      to: 'part hidden',
      part: { index, of: 2 },
    })
  return [
    ...vitEmbeddings({ path, file }),
    ...attentionBindings(`${block}.attention`, {
      query: `${layer}.attention.attention.query`,
      key: `${layer}.attention.attention.key`,
      value: `${layer}.attention.attention.value`,
      output: `${layer}.attention.output.dense`,
    }),
    ...(gated
      ? [
          ...half('gate', 0),
          ...half('up', 1),
          ...linearBinding(`${feedForward}.down`, {
            file: `${layer}.mlp.weights_out`,
            from: 'hidden',
            to: 'width',
          }),
        ]
      : feedForwardNames(feedForward, `${layer}.mlp.fc1`, `${layer}.mlp.fc2`)),
    ...normBinding(`${block}.attentionNorm`, `${layer}.norm1`),
    ...normBinding(`${block}.feedForwardNorm`, `${layer}.norm2`),
    { path: `${block}.attentionOutputScale`, file: `${layer}.layer_scale1.lambda1`, axes: ['width'] },
    { path: `${block}.feedForwardOutputScale`, file: `${layer}.layer_scale2.lambda1`, axes: ['width'] },
    ...normBinding(`${path}norm`, `${file}layernorm`),
  ]
}
