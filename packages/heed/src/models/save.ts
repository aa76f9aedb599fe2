/** Models written to this machine's disk. */
import { makeFolder, nodeModule } from '../base/index.js'
import { treeTensors, type WeightDtype } from '../checkpoint/index.js'
import { saveSafetensors, writeFileWhole } from '../formats/index.js'
import { saveTokenizer } from '../text/index.js'
import type { DecoderConfig } from './decoder/index.js'
import type { Loaded } from './load.js'
import { type LanguageModel, modelFiles } from './model-files.js'
import type { Design } from './architecture.js'

/** What is copied as it stands, where the model was read from a folder that has it. */
const copied: readonly string[] = [
  'generation_config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'preprocessor_config.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  'LICENSE',
  'README.md',
]

/** A model that was read, perhaps with other weights since. */
export type SavableModel =
  | LanguageModel
  | Pick<
      Loaded<never, Design | DecoderConfig, unknown>,
      'architecture' | 'config' | 'model' | 'stored' | 'tokenizer'
    >

/**
 * Writes a model into a folder of this machine, which is made where it is not there; each file whole. A model
 * of the hub's architectures is written in the hub's layout, so that the libraries it came from read it.
 *
 * @param dtype what weights are stored as; f16 and bf16 take half the bytes
 * @throws HeedError where the disk refuses
 */
export async function saveModel(
  folder: string,
  model: SavableModel,
  dtype: WeightDtype = 'f32',
): Promise<void> {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'saveModel')
  try {
    makeFolder(folder)
  } catch {
    // Where it cannot be made, writing says so.
  }
  const write = (name: string, bytes: Uint8Array): Promise<void> =>
    writeFileWhole(paths.join(folder, name), bytes)
  if (!('architecture' in model) || model.architecture === undefined) {
    for (const [name, bytes] of Object.entries(modelFiles(model as LanguageModel, dtype)))
      await write(name, bytes)
    return
  }
  const { architecture, config, stored } = model
  const tensors = treeTensors(model.model, architecture.bindings(config as Design), { dtype })
  await saveSafetensors(paths.join(folder, 'model.safetensors'), tensors)
  for (const name of copied) {
    const bytes = stored.file(name)
    if (bytes !== undefined) await write(name, bytes)
  }
  if (stored.hasTokenizer)
    await write('tokenizer.json', new TextEncoder().encode(saveTokenizer(model.tokenizer)))
  // Last: a folder with it is whole.
  const json = { ...(stored.config.plain() as object), torch_dtype: names[dtype], dtype: names[dtype] }
  await write('config.json', new TextEncoder().encode(`${JSON.stringify(json, undefined, 2)}\n`))
}

const names: Readonly<Record<WeightDtype, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }
