/** A checkpoint that nobody has trained yet. */
import { nodeModule, randomKey, readJson } from '../base/index.js'
import { CheckpointConfig, treeTensors } from '../checkpoint/index.js'
import { saveSafetensors, writeFileWhole } from '../formats/index.js'
import { dispose } from '../tensor/index.js'
import { saveTokenizer, type Tokenizer } from '../text/index.js'
import { type ImageProcessor, writeImageProcessor } from '../vision/index.js'
import type { Architecture, Design } from './architecture.js'
import { hubFolder } from './hub-files.js'
import { architectureOf } from './registry.js'
import type { CaptionerDesign, TowersDesign, VisionDesign } from './vision/index.js'

/** A new model. */
export interface NewCheckpoint {
  /**
   * As `config.json` of the hub has it: `model_type` and its fields. `vocab_size` is the tokenizer's: of a
   * model with pictures, that of the part which reads or writes text.
   */
  readonly config: Readonly<Record<string, unknown>>
  /** Undefined for a model that reads no text. */
  readonly tokenizer?: Tokenizer | undefined
  /**
   * Other files in JSON, by name. Of a model with pictures, `preprocessor_config.json` resizes them to its
   * squares, over white, with levels from −1 to 1, unless it is given; of one that describes them,
   * `generation_config.json` names its ids.
   */
  readonly files?: Readonly<Record<string, object>> | undefined
  /** Of the weights. Default 0. */
  readonly seed?: number
}

const operation = 'createCheckpoint'

/**
 * Writes a new model into a folder, from where `loadModel` reads it, under whatever head.
 *
 * @throws FormatError for a configuration that makes no sense; HeedError where the disk refuses
 */
export async function createCheckpoint(folder: string, options: NewCheckpoint): Promise<void> {
  const { tokenizer, seed = 0 } = options
  const hint = 'correct the configuration'
  const fieldsOf = (config: object): CheckpointConfig =>
    new CheckpointConfig(readJson(JSON.stringify(config), { operation, hint }))
  const architecture = architectureOf(fieldsOf(options.config))
  const config =
    tokenizer === undefined ? options.config : sized(options.config, architecture, tokenizer.size)
  const fields = fieldsOf(config)
  const said = architecture.design(fields) as Design
  fields.end()
  // A head is what loadModel puts on it.
  const design = architecture.fitted?.(said, () => false) ?? said
  const model = architecture.create(design, randomKey(seed, 'new model'))
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  hubFolder(folder)
  try {
    const tensors = treeTensors(model, architecture.bindings(design))
    await saveSafetensors(paths.join(folder, 'model.safetensors'), tensors)
  } finally {
    dispose(model)
  }
  const write = (name: string, text: string): Promise<void> =>
    writeFileWhole(paths.join(folder, name), new TextEncoder().encode(text))
  if (tokenizer !== undefined) await write('tokenizer.json', saveTokenizer(tokenizer))
  for (const [name, content] of Object.entries({ ...besideOf(design), ...options.files }))
    await write(name, `${JSON.stringify(content, undefined, 2)}\n`)
  await write('config.json', `${JSON.stringify(config, undefined, 2)}\n`)
}

/** A configuration with the size of the vocabulary where the architecture has it. */
function sized(
  config: NewCheckpoint['config'],
  { textFields }: Pick<Architecture, 'textFields'>,
  size: number,
): NewCheckpoint['config'] {
  if (textFields === undefined) return { ...config, vocab_size: size }
  return { ...config, [textFields]: { ...(config[textFields] as object | undefined), vocab_size: size } }
}

/** What a model with pictures has beside its weights. */
function besideOf(design: Design): Readonly<Record<string, object>> {
  const { picture, image, encoder, start, end, padding } = design as Partial<
    VisionDesign & TowersDesign & CaptionerDesign
  >
  const seen = picture ?? image?.picture ?? encoder?.picture
  if (seen === undefined) return {}
  const processor: ImageProcessor = {
    resize: { height: seen.size, width: seen.size },
    resample: 'bicubic',
    transparency: 'white',
    scale: 1 / 255,
    mean: [0.5, 0.5, 0.5],
    deviation: [0.5, 0.5, 0.5],
  }
  return {
    'preprocessor_config.json': JSON.parse(writeImageProcessor(processor)) as object,
    ...(end !== undefined && {
      'generation_config.json': {
        decoder_start_token_id: start,
        eos_token_id: end,
        pad_token_id: padding,
      },
    }),
  }
}
