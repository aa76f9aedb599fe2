/** `preprocessor_config.json` of the hub as an `ImageProcessor`, and back. */
import { type JsonValue, readJson } from '../base/index.js'
import { CheckpointConfig } from '../checkpoint/index.js'
import type { Channels, ImageProcessor } from './image-processor.js'
import { longestSide } from './picture.js'
import { type Resample, resampleNames } from './resample.js'

/** What a kind of processor does where its file doesn't say it. */
interface Defaults {
  readonly size: number
  /** Whether a size of one number is that of both sides, and not of the shorter one. */
  readonly square: boolean
  readonly resample: Resample
  /** Undefined: it never crops. */
  readonly crop?: { readonly size: number; readonly always: boolean }
  readonly mean: Channels
  readonly deviation: Channels
}

const halves = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const
const imageNet = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const
const openAi = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
} as const
const cropped = { size: 224, always: true }

/** The kinds, by what stands before `ImageProcessor` in their names. */
const kinds: Readonly<Record<string, Defaults>> = {
  Beit: { size: 224, square: true, resample: 'bicubic', crop: { size: 224, always: false }, ...halves },
  Bit: { size: 224, square: false, resample: 'bicubic', crop: cropped, ...openAi },
  Blip: { size: 384, square: true, resample: 'bicubic', ...openAi },
  ChineseCLIP: { size: 224, square: false, resample: 'bicubic', crop: cropped, ...openAi },
  CLIP: { size: 224, square: false, resample: 'bicubic', crop: cropped, ...openAi },
  DeiT: { size: 256, square: true, resample: 'bicubic', crop: cropped, ...halves },
  Pvt: { size: 224, square: true, resample: 'bicubic', ...imageNet },
  Siglip: { size: 224, square: true, resample: 'bicubic', ...halves },
  ViT: { size: 224, square: true, resample: 'bilinear', ...halves },
}

/** The kind by `model_type`, for files that don't say theirs. */
const kindsByModel: Readonly<Record<string, string>> = {
  beit: 'Beit',
  blip: 'Blip',
  chinese_clip: 'ChineseCLIP',
  clip: 'CLIP',
  deit: 'DeiT',
  dinov2: 'Bit',
  pvt: 'Pvt',
  siglip: 'Siglip',
  swin: 'ViT',
  vit: 'ViT',
}

/** In bytes: many times what any has. */
const largestConfig = 2 ** 20

/** Where a file comes from. */
export interface ImageProcessorOptions {
  /** Its path, for errors. */
  readonly file?: string | undefined
  /** `model_type` of the model, for older files that don't say what kind of processor theirs is. */
  readonly modelType?: string | undefined
}

/**
 * Reads what a checkpoint of the hub does to pictures.
 *
 * @param json the text of `preprocessor_config.json`, or of `processor_config.json` with an `image_processor`
 * @throws FormatError naming what is missing, makes no sense, or isn't handled
 */
export function readImageProcessor(
  json: string | Uint8Array | JsonValue,
  { file, modelType }: ImageProcessorOptions = {},
): ImageProcessor {
  const hint = 'correct the file, or fetch it again'
  const whole =
    typeof json === 'string' || json instanceof Uint8Array
      ? readJson(json, { operation: 'readImageProcessor', file, hint, length: largestConfig })
      : json
  const inside = whole.member('image_processor')
  const config = new CheckpointConfig(inside.isNull ? whole : inside)
  const kind = kinds[kindOf(config, modelType)]!
  const resize = config.flag('do_resize', true) ? { resize: sizeIn(config, kind) } : {}
  const numbers = {
    resample: resampleIn(config, kind.resample),
    scale: config.flag('do_rescale', true) ? config.positive('rescale_factor', { absent: 1 / 255 }) : 1,
    mean: channelsIn(config, 'image_mean', kind.mean),
    deviation: channelsIn(config, 'image_std', kind.deviation, true),
  }
  const crop =
    kind.crop !== undefined && config.flag('do_center_crop', kind.crop.always)
      ? { crop: bothSides(config.field('crop_size'), kind.crop.size) }
      : {}
  const normal = config.flag('do_normalize', true) ? {} : { mean: nothing, deviation: unchanged }
  const over = config.field('heed.transparency')
  const transparency = over.isNull ? {} : { transparency: over.choice(['white']) }
  config.ignore('rescale_factor', 'size', 'crop_size', 'resample', ...ignored)
  if (kind.crop === undefined) config.only('do_center_crop', false)
  for (const never of neverDone) config.only(never, false)
  config.end()
  return { ...resize, ...crop, ...numbers, ...normal, ...transparency }
}

const nothing: Channels = [0, 0, 0]
const unchanged: Channels = [1, 1, 1]

/** What changes no numbers: pictures are RGB before they come here. */
const ignored: readonly string[] = [
  'image_processor_type',
  'feature_extractor_type',
  'processor_class',
  'default_to_square',
  'do_convert_rgb',
  'do_convert_annotations',
  'do_reduce_labels',
  'reduce_labels',
  'data_format',
  'input_data_format',
  'return_tensors',
  'device',
  'disable_grouping',
  'use_fast',
  '_valid_processor_keys',
]
/** What changes pictures otherwise, where it is true. */
const neverDone: readonly string[] = ['do_pad', 'do_flip_channel_order', 'do_thumbnail', 'use_square_size']

/** Which kind a file is of: what it says, or what its model has. */
function kindOf(config: CheckpointConfig, modelType: string | undefined): string {
  const field = config.field('image_processor_type', 'feature_extractor_type')
  const known = Object.keys(kinds)
    .map((name) => `${name}ImageProcessor`)
    .join(', ')
  if (field.isNull) {
    const kind = Object.hasOwn(kindsByModel, modelType ?? '') ? kindsByModel[modelType!] : undefined
    return kind ?? field.refuse(`a kind of image processor: ${known}`, { hint: 'say it in the file' })
  }
  const name = field.string().replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, '')
  if (Object.hasOwn(kinds, name)) return name
  return field.refuse(`an image processor that heed has: ${known}`, {
    found: `'${field.string().slice(0, 60)}'`,
    hint: 'it does something else to pictures; take another checkpoint',
  })
}

/** `size`: a record, a number, or height and width. */
function sizeIn(config: CheckpointConfig, { size, square }: Defaults): NonNullable<ImageProcessor['resize']> {
  const field = config.field('size')
  const isSquare = config.flag('default_to_square', square)
  if (field.isNull) return isSquare ? { height: size, width: size } : { shortestEdge: size }
  if (typeof field.value === 'number' && !isSquare) return { shortestEdge: side(field) }
  if (field.value instanceof Map && !field.member('shortest_edge').isNull) {
    for (const [name, member] of field.members())
      if (name !== 'shortest_edge' && !member.isNull)
        member.refuse('shortest_edge alone', {
          found: `'${name}' beside it`,
          hint: 'heed has no other limit',
        })
    return { shortestEdge: side(field.member('shortest_edge')) }
  }
  return bothSides(field, size)
}

function bothSides(field: JsonValue, absent: number): { readonly height: number; readonly width: number } {
  if (field.isNull) return { height: absent, width: absent }
  if (typeof field.value === 'number') return { height: side(field), width: side(field) }
  if (Array.isArray(field.value)) {
    const items = field.items()
    if (items.length !== 2) field.refuse('height and width', { found: `${items.length} numbers` })
    return { height: side(items[0]!), width: side(items[1]!) }
  }
  for (const [name, member] of field.members())
    if (name !== 'height' && name !== 'width' && !member.isNull)
      member.refuse('height and width', { found: `'${name}'`, hint: 'heed has no other limit' })
  return { height: side(field.member('height')), width: side(field.member('width')) }
}

function side(field: JsonValue): number {
  const value = field.count(longestSide)
  return value >= 1 ? value : field.refuse(`a whole number from 1 to ${longestSide}`)
}

/** `resample`: the number of a filter. */
function resampleIn(config: CheckpointConfig, absent: Resample): Resample {
  const field = config.field('resample')
  return field.isNull ? absent : resampleNames[field.count(resampleNames.length - 1)]!
}

function channelsIn(config: CheckpointConfig, name: string, absent: Channels, positive = false): Channels {
  const field = config.field(name)
  if (field.isNull) return absent
  const number = (item: JsonValue): number =>
    typeof item.value === 'number' && Number.isFinite(item.value) && (!positive || item.value > 0)
      ? item.value
      : item.refuse(positive ? 'a number above 0' : 'a number')
  if (typeof field.value === 'number') return [number(field), number(field), number(field)]
  const items = field.items()
  if (items.length !== 3) field.refuse('three numbers, for red, green and blue', { found: `${items.length}` })
  return [number(items[0]!), number(items[1]!), number(items[2]!)]
}

/** The text of a `preprocessor_config.json` that says what a processor does, for the hub's libraries. */
export function writeImageProcessor(processor: ImageProcessor): string {
  const { resize, resample, crop, scale, mean, deviation, transparency } = processor
  const size =
    resize === undefined
      ? { height: 224, width: 224 }
      : 'shortestEdge' in resize
        ? { shortest_edge: resize.shortestEdge }
        : resize
  const config = {
    image_processor_type: crop === undefined ? 'ViTImageProcessor' : 'CLIPImageProcessor',
    do_convert_rgb: true,
    do_resize: resize !== undefined,
    size,
    resample: resampleNames.indexOf(resample),
    ...(crop === undefined ? {} : { do_center_crop: true, crop_size: crop }),
    do_rescale: true,
    rescale_factor: scale,
    do_normalize: true,
    image_mean: mean,
    image_std: deviation,
    ...(transparency === undefined ? {} : { 'heed.transparency': transparency }),
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}
