/** What ViT and the models that are built like it share: fields, names of weights, heads. */
import { type Binding, type CheckpointConfig, linearBinding, normBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import { type HeadChoices, headOf } from '../encoder/heads/index.js'
import type { LayerDesign } from '../layer-design.js'
import type { PictureDesign, PictureHead, PictureToken, VisionDesign } from './design.js'

/** The fields that say what pictures are like. */
export function pictureOf(
  config: CheckpointConfig,
  absent: { readonly size: number; readonly patch: number },
): PictureDesign {
  const size = config.size('image_size', { absent: absent.size, most: 2 ** 14 })
  const patch = config.size('patch_size', { absent: absent.patch, most: 2 ** 12 })
  if (patch > size) config.field('patch_size').refuse(`at most the size of the pictures, ${size}`)
  return { size, channels: config.size('num_channels', { absent: 3, most: 2 ** 12 }), patch }
}

/** How many positions a model learns. */
export function positionsOf({ size, patch }: PictureDesign, tokens: readonly unknown[]): number {
  return tokens.length + Math.floor(size / patch) ** 2
}

/** Width, layers and heads, as nearly all configurations name them. */
export function towerSizes(
  config: CheckpointConfig,
  absent: { readonly width: number; readonly layers: number; readonly heads: number },
): { readonly width: number; readonly layers: number; readonly heads: number } {
  const width = config.size('hidden_size', { absent: absent.width })
  const layers = config.size('num_hidden_layers', { absent: absent.layers, most: 1024 })
  const heads = config.size('num_attention_heads', { absent: absent.heads, most: 1024 })
  if (width % heads !== 0)
    config.field('num_attention_heads').refuse(`a number that divides the width, ${width}`)
  return { width, layers, heads }
}

/** The design of ViT and DeiT, but for the head. */
export function vitDesign(
  config: CheckpointConfig,
  architecture: string,
  tokens: readonly PictureToken[],
): VisionDesign {
  const { width, layers, heads } = towerSizes(config, { width: 768, layers: 12, heads: 12 })
  const picture = pictureOf(config, { size: 224, patch: 16 })
  const norm = { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-12 }) } as const
  const layer: LayerDesign = {
    shape: {
      width,
      heads,
      hidden: config.size('intermediate_size', { absent: 3072 }),
      bias: config.flag('qkv_bias', true),
      outputBias: true,
      feedForwardBias: true,
      normBias: true,
    },
    norm,
    activation: activationOf(config, 'hidden_act', 'gelu'),
    attention: {},
  }
  // Of masked pictures, which no head here paints.
  config.ignore('encoder_stride', 'tie_word_embeddings')
  return {
    architecture,
    vocabulary: 0,
    context: positionsOf(picture, tokens),
    width,
    layers,
    heads,
    picture,
    tokens,
    blocks: Array.from({ length: layers }, () => layer),
    finalNorm: norm,
    vector: {
      kind: 'dense',
      width: config.size('pooler_output_size', { absent: width }),
      activation: activationOf(config, 'pooler_act', 'tanh'),
    },
  }
}

/** A choice of a head by the class of a configuration. */
export type PictureHeads = Readonly<Record<string, PictureHead['from']>>

/** The head that the class has; undefined for the states alone. */
export function pictureHeadOf(config: CheckpointConfig, heads: PictureHeads): PictureHead | undefined {
  const choices: HeadChoices = Object.fromEntries(
    Object.keys(heads).map((name) => [
      name,
      { form: (_, labels) => ({ kind: 'classification', from: 'first', labels }), names: {} },
    ]),
  )
  const found = headOf(config, choices)
  if (found === undefined || found.kind !== 'classification') return undefined
  return { name: found.name, from: heads[found.name]!, labels: found.labels }
}

/**
 * Where the parts of an encoder of pictures stand: its leaves' paths begin with `path`, its files' names with
 * `file`.
 */
export interface VisionPlace {
  readonly path: string
  readonly file: string
}

/** Names as ViT has them; of what a model lacks, the binding is without effect. */
export function vitBindings({ path, file }: VisionPlace): Binding[] {
  const layer = `${file}encoder.layer.#`
  const block = `${path}blocks.#`
  return [
    ...vitEmbeddings({ path, file }),
    ...attentionBindings(`${block}.attention`, {
      query: `${layer}.attention.attention.query`,
      key: `${layer}.attention.attention.key`,
      value: `${layer}.attention.attention.value`,
      output: `${layer}.attention.output.dense`,
    }),
    ...feedForwardNames(`${block}.feedForward`, `${layer}.intermediate.dense`, `${layer}.output.dense`),
    ...normBinding(`${block}.attentionNorm`, `${layer}.layernorm_before`),
    ...normBinding(`${block}.feedForwardNorm`, `${layer}.layernorm_after`),
    ...normBinding(`${path}norm`, `${file}layernorm`),
    ...linearBinding(`${path}pooler`, { file: `${file}pooler.dense`, from: 'width', to: 'pooled' }),
  ]
}

/** What stands before the layers, as ViT, DeiT and DINOv2 have it. */
export function vitEmbeddings({ path, file }: VisionPlace): Binding[] {
  const embeddings = `${file}embeddings`
  return [
    ...patchBinding(`${path}patch`, `${embeddings}.patch_embeddings.projection`),
    positionsBinding(`${path}token.class`, `${embeddings}.cls_token`),
    positionsBinding(`${path}token.distillation`, `${embeddings}.distillation_token`),
    positionsBinding(`${path}position`, `${embeddings}.position_embeddings`),
    { path: `${path}maskToken`, file: `${embeddings}.mask_token`, axes: ['position', 'width'] },
  ]
}

/** A kernel over the levels of a patch, and its bias. */
export function patchBinding(path: string, file: string): Binding[] {
  return [
    {
      path: `${path}.weight`,
      file: `${file}.weight`,
      axes: ['width', 'channel', 'row', 'column'],
      over: ['channel', 'row', 'column'],
    },
    { path: `${path}.bias`, file: `${file}.bias`, axes: ['width'] },
  ]
}

/** A table of positions that files keep with a batch axis of 1. */
export function positionsBinding(path: string, file: string): Binding {
  return { path, file, axes: ['part', 'position', 'width'], part: { index: 0, of: 1 } }
}

/** The four maps of an attention. */
export function attentionBindings(
  path: string,
  files: Readonly<Record<'query' | 'key' | 'value' | 'output', string>>,
): Binding[] {
  return [
    ...(['query', 'key', 'value'] as const).flatMap((name) =>
      linearBinding(`${path}.${name}`, { file: files[name], from: 'width', to: 'head headWidth' }),
    ),
    ...linearBinding(`${path}.output`, { file: files.output, from: 'head headWidth', to: 'width' }),
  ]
}

/** The two maps of a feed-forward layer. */
export function feedForwardNames(path: string, up: string, down: string): Binding[] {
  return [
    ...linearBinding(`${path}.up`, { file: up, from: 'width', to: 'hidden' }),
    ...linearBinding(`${path}.down`, { file: down, from: 'hidden', to: 'width' }),
  ]
}

/** A head over the states. */
export function headBinding(path: string, file: string): Binding[] {
  return linearBinding(path, { file, from: 'width', to: 'label' })
}
