/** The pooling that a GGUF file names, and that it is to name. */
import type { GgufPooling } from '../../checkpoint/index.js'
import type { StoredModel } from '../stored-model.js'
import { jsonFile, storedModules } from './modules.js'
import { type PoolingMode, readPooling } from './pooling.js'

const modes: Readonly<Partial<Record<GgufPooling, PoolingMode>>> = {
  mean: 'mean',
  cls: 'cls',
  last: 'lasttoken',
}

/** The pooling that a GGUF file names; undefined where it names none that makes a vector of a text. */
export function poolingOfGguf({ pooling }: StoredModel): PoolingMode | undefined {
  return pooling && modes[pooling]
}

/**
 * What a GGUF file of the same model names: of a folder what its modules do, where GGUF has a name for it.
 */
export function ggufPoolingOf({ path, format, pooling }: StoredModel): GgufPooling | undefined {
  if (format !== 'safetensors') return pooling
  const module = storedModules(path)?.find(({ type }) => type === 'Pooling')
  const config = module && jsonFile(module.folder, 'config.json')
  if (config === undefined) return undefined
  const width = config.member('word_embedding_dimension').value ?? config.member('embedding_dimension').value
  const own = readPooling(config, Number(width)).modes
  return (Object.keys(modes) as GgufPooling[]).find((name) => own.length === 1 && modes[name] === own[0])
}
