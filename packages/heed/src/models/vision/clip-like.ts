/** What CLIP and SigLIP share: fields of their configurations, names of weights, the architecture. */
import { type Binding, type CheckpointConfig, normBinding, tableBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture, ArchitectureFile, AttentionPlace } from '../architecture.js'
import type { StackDesign } from '../encoder-decoder/index.js'
import type { LayerDesign } from '../layer-design.js'
import { fittedVision, visionAttentions } from './architecture.js'
import type { VisionDesign } from './design.js'
import { createTowers, type Towers } from './towers.js'
import type { TextTowerDesign, TowersDesign } from './towers-design.js'
import {
  attentionBindings,
  feedForwardNames,
  pictureOf,
  positionsOf,
  towerSizes,
  type VisionPlace,
} from './vit-like.js'

/** Two towers as an architecture. */
export function towersArchitecture(file: ArchitectureFile<TowersDesign>): Architecture<TowersDesign, Towers> {
  return {
    ...file,
    family: 'dual-encoder',
    textFields: 'text_config',
    create: createTowers,
    attentions: ({ text, image }) => [
      ...text.stack.blocks.map((_, layer): AttentionPlace => ({
        name: `text.blocks.${layer}.attention.filter`,
        kind: 'self',
        queries: 'source',
        keys: 'source',
        layer,
      })),
      ...visionAttentions(image, 'image.'),
    ],
    fitted: ({ image, ...design }, has) => ({ ...design, image: fittedVision(image, has, 'image.') }),
  }
}

/** What a tower is where its configuration doesn't say it. */
export interface TowerDefaults {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly hidden: number
  readonly activation: string
  readonly epsilon: number
}

/** The layers of a tower, with norms in front. */
function layersOf(
  config: CheckpointConfig,
  absent: TowerDefaults,
): ReturnType<typeof towerSizes> & {
  readonly blocks: readonly LayerDesign[]
  readonly norm: LayerDesign['norm']
} {
  const { width, layers, heads } = towerSizes(config, absent)
  const norm = {
    kind: 'layer',
    epsilon: config.positive('layer_norm_eps', { absent: absent.epsilon }),
  } as const
  const layer: LayerDesign = {
    shape: { width, heads, hidden: config.size('intermediate_size', { absent: absent.hidden }) },
    norm,
    activation: activationOf(config, 'hidden_act', absent.activation),
    attention: {},
  }
  config.ignore('initializer_factor', 'projection_dim', 'tie_word_embeddings')
  return { width, layers, heads, norm, blocks: Array.from({ length: layers }, () => layer) }
}

/** The tower of texts. */
export function textTower(
  config: CheckpointConfig,
  absent: TowerDefaults & { readonly vocabulary: number; readonly context: number },
): Omit<TextTowerDesign, 'causal' | 'pooled'> & { readonly layers: number } {
  const { width, layers, heads, norm, blocks } = layersOf(config, absent)
  const context = config.size('max_position_embeddings', { absent: absent.context })
  const stack: StackDesign = { blocks, finalNorm: norm }
  return {
    vocabulary: config.size('vocab_size', { absent: absent.vocabulary }),
    context,
    width,
    layers,
    heads,
    stack,
    position: { kind: 'learned', rows: context, offset: 0 },
  }
}

/** The tower of pictures, but for how its states become a vector. */
export function imageTower(
  config: CheckpointConfig,
  absent: TowerDefaults & { readonly size: number; readonly patch: number },
  tokens: VisionDesign['tokens'],
): Omit<VisionDesign, 'architecture' | 'vector'> & { readonly norm: LayerDesign['norm'] } {
  const picture = pictureOf(config, absent)
  return {
    ...layersOf(config, absent),
    vocabulary: 0,
    context: positionsOf(picture, tokens),
    picture,
    tokens,
  }
}

/** Names of a tower's layers, as CLIP, SigLIP and in part BLIP have them. */
export function towerBlocks({ path, file }: VisionPlace): Binding[] {
  const block = `${path}blocks.#`
  const layer = `${file}encoder.layers.#`
  return [
    ...attentionBindings(`${block}.attention`, {
      query: `${layer}.self_attn.q_proj`,
      key: `${layer}.self_attn.k_proj`,
      value: `${layer}.self_attn.v_proj`,
      output: `${layer}.self_attn.out_proj`,
    }),
    ...feedForwardNames(`${block}.feedForward`, `${layer}.mlp.fc1`, `${layer}.mlp.fc2`),
    ...normBinding(`${block}.attentionNorm`, `${layer}.layer_norm1`),
    ...normBinding(`${block}.feedForwardNorm`, `${layer}.layer_norm2`),
  ]
}

/** Names of the tower of texts. */
export function textBindings(): Binding[] {
  const place = { path: 'text.', file: 'text_model.' }
  return [
    tableBinding('text.embedding.weight', 'text_model.embeddings.token_embedding.weight'),
    {
      path: 'text.position',
      file: 'text_model.embeddings.position_embedding.weight',
      axes: ['position', 'width'],
    },
    ...towerBlocks(place),
    ...normBinding('text.norm', 'text_model.final_layer_norm'),
  ]
}

/** What files of both may have beside the weights. */
export const towersIgnored: readonly string[] = [
  'text_model.embeddings.position_ids',
  'vision_model.embeddings.position_ids',
]
