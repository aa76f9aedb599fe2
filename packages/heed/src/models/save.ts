/** Models written to this machine's disk. */
import { nodeModule } from '../base/index.js'
import { treeTensors, type WeightDtype } from '../checkpoint/index.js'
import { saveSafetensors, writeFileWhole } from '../formats/index.js'
import { scope } from '../tensor/index.js'
import type { DecoderConfig } from './decoder/index.js'
import type { Loaded } from './load.js'
import { hubFolder, writeHubFiles } from './hub-files.js'
import { mergedTree } from './low-rank/index.js'
import { type LanguageModel, modelFiles } from './model-files.js'
import type { Design } from './architecture.js'

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
 * Changes of low rank are written as parts of the weights.
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
  hubFolder(folder)
  if (!('architecture' in model) || model.architecture === undefined) {
    const { config, tokenizer, model: weights } = model as LanguageModel
    const files = scope(() => modelFiles({ config, tokenizer, model: mergedTree(weights) }, dtype))
    for (const [name, bytes] of Object.entries(files)) await writeFileWhole(paths.join(folder, name), bytes)
    return
  }
  const { architecture, config, stored } = model
  const tensors = treeTensors(model.model, architecture.bindings(config as Design), { dtype })
  await saveSafetensors(paths.join(folder, 'model.safetensors'), tensors)
  const tokenizer = stored.hasTokenizer ? model.tokenizer : undefined
  await writeHubFiles(stored, folder, { dtype, tokenizer })
}
