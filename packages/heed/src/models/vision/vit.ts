/**
 * ViT (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words: Transformers for Image Recognition at
 * Scale"): patches, a class token in front, norms before each layer. DeiT (Touvron et al. 2021, "Training
 * data-efficient image transformers") has a second token, which a teacher's labels were learned from.
 */
import type { Architecture } from '../architecture.js'
import type { VisionDesign } from './design.js'
import { visionArchitecture } from './architecture.js'
import type { VisionEncoder } from './vision-encoder.js'
import { headBinding, pictureHeadOf, vitBindings, vitDesign } from './vit-like.js'

export const vit: Architecture<VisionDesign, VisionEncoder> = visionArchitecture({
  name: 'vit',
  source: 'Dosovitskiy et al. 2021, An Image is Worth 16x16 Words',
  modelTypes: ['vit'],
  design(config) {
    const head = pictureHeadOf(config, { ImageClassification: 'first' })
    const { vector, ...design } = vitDesign(config, 'vit', ['class'])
    return { ...design, vector: head === undefined ? vector : { kind: 'first' }, head }
  },
  bindings: ({ head }) => ({
    prefixes: ['vit.'],
    leaves: [
      ...vitBindings({ path: '', file: head === undefined ? '' : 'vit.' }),
      ...headBinding('head', 'classifier'),
    ],
    ignored: ['pooler.*', 'classifier.*'],
  }),
})

export const deit: Architecture<VisionDesign, VisionEncoder> = visionArchitecture({
  name: 'deit',
  source: 'Touvron et al. 2021, Training data-efficient image transformers',
  modelTypes: ['deit'],
  design(config) {
    const head = pictureHeadOf(config, {
      ImageClassification: 'first',
      ImageClassificationWithTeacher: 'both tokens',
    })
    const { vector, ...design } = vitDesign(config, 'deit', ['class', 'distillation'])
    return { ...design, vector: head === undefined ? vector : { kind: 'first' }, head }
  },
  bindings: ({ head }) => ({
    prefixes: ['deit.'],
    leaves: [
      ...vitBindings({ path: '', file: head === undefined ? '' : 'deit.' }),
      ...headBinding('head', head?.from === 'both tokens' ? 'cls_classifier' : 'classifier'),
      ...headBinding('distillationHead', 'distillation_classifier'),
    ],
    ignored: ['pooler.*', 'classifier.*', 'cls_classifier.*', 'distillation_classifier.*'],
  }),
})
