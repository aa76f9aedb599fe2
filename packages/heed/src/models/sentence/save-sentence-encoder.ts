/** A sentence encoder written as a folder that sentence-transformers reads, and `loadSentenceEncoder`. */
import { nodeModule } from '../../base/index.js'
import { treeTensors, type WeightDtype } from '../../checkpoint/index.js'
import { saveSafetensors, writeFileWhole } from '../../formats/index.js'
import { hubFolder } from '../hub-files.js'
import type { LoadedEncoder } from '../load.js'
import { saveModel } from '../save.js'
import { denseBindings } from './dense.js'
import { poolingJson } from './pooling.js'
import type { SentenceEncoder } from './sentence-encoder.js'
import { torchActivationName } from './torch-activation.js'

/**
 * Writes a sentence encoder into a folder of this machine, which is made where it is not there: the encoder
 * as `saveModel` writes it, its pooling and dense modules in folders of their own, and last `modules.json`.
 *
 * @param dtype what weights are stored as; f16 and bf16 take half the bytes
 * @throws UsageError where matrices are quantized; HeedError where the disk refuses
 */
export async function saveSentenceEncoder(
  folder: string,
  encoder: SentenceEncoder,
  dtype: WeightDtype = 'f32',
): Promise<void> {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'saveSentenceEncoder')
  const { pooling, settings, loaded } = encoder
  const weights = encoder.weights
  const write = async (name: string, content: unknown): Promise<void> => {
    const text = `${JSON.stringify(content, undefined, 2)}\n`
    hubFolder(paths.dirname(paths.join(folder, name)))
    await writeFileWhole(paths.join(folder, name), new TextEncoder().encode(text))
  }
  await saveModel(folder, { ...loaded, model: weights.encoder } as LoadedEncoder, dtype)
  if (settings.maximum !== Infinity)
    await write('sentence_bert_config.json', {
      max_seq_length: settings.maximum,
      do_lower_case: settings.lowercase,
    })
  await write('config_sentence_transformers.json', {
    prompts: Object.fromEntries(settings.prompts),
    default_prompt_name: settings.defaultPrompt ?? null,
    similarity_fn_name: settings.similarity ?? 'cosine',
    ...(settings.dimensions !== undefined && { truncate_dim: settings.dimensions }),
  })
  const places = [
    { type: 'Transformer', path: '' },
    { type: 'Pooling', path: '1_Pooling' },
  ]
  await write('1_Pooling/config.json', poolingJson(pooling, loaded.config.width))
  for (const module of encoder.modules) {
    const path = `${places.length}_${module.kind === 'dense' ? 'Dense' : 'Normalize'}`
    places.push({ type: module.kind === 'dense' ? 'Dense' : 'Normalize', path })
    if (module.kind !== 'dense') continue
    const { map, activation } = module.dense
    const tensors = treeTensors({ map }, denseBindings, { dtype })
    await write(`${path}/config.json`, {
      in_features: map.weight.size('width'),
      out_features: map.weight.size('made'),
      bias: map.bias !== undefined,
      activation_function: torchActivationName(activation),
    })
    await saveSafetensors(paths.join(folder, path, 'model.safetensors'), tensors)
  }
  await write(
    'modules.json',
    places.map(({ type, path }, idx) => ({
      idx,
      name: String(idx),
      path,
      type: `sentence_transformers.models.${type}`,
    })),
  )
}
