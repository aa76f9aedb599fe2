import { FormatError, nodeModule, readJson } from '../../base/index.js'
import { readSmallFile } from '../../formats/index.js'
import { configFile } from './adapter-bindings.js'

const operation = 'loadModel'
const largestConfig = 2 ** 22

/**
 * Where the model below an adapter lies, as the adapter's folder says it: `base_model_name_or_path`, seen
 * from the folder. Undefined where the path is no folder with an adapter alone.
 *
 * @throws FormatError where nothing stands there
 */
export function baseOfAdapter(folder: string): string | undefined {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const file = paths.join(folder, configFile)
  const isOther = (name: string): boolean => /\.gguf$|^model.*\.safetensors(\.index\.json)?$/.test(name)
  if (!fs.existsSync(file) || fs.readdirSync(folder).some(isOther)) return undefined
  const hint = 'correct the file, or name the model and the adapter apart'
  const config = readJson(readSmallFile(file, largestConfig), {
    operation,
    file,
    hint,
    length: largestConfig,
  })
  const said = config.member('base_model_name_or_path')
  const base = said.isNull ? undefined : paths.resolve(folder, said.string())
  if (base !== undefined && fs.existsSync(base)) return base
  throw new FormatError({
    operation,
    expected: 'an adapter that says where the model below it lies (base_model_name_or_path)',
    found: base === undefined ? 'none' : `nothing at '${base}'`,
    hint: 'name the model, and the folder as its adapter',
    file,
  })
}
