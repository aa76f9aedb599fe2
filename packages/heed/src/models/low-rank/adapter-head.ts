import { nodeModule, readJson } from '../../base/index.js'
import { readSmallFile } from '../../formats/index.js'
import type { HeadOptions } from '../another-head.js'
import type { StoredModel } from '../stored-model.js'

const operation = 'loadAdapter'
/** The model's configuration as it was trained, beside an adapter. */
export const modelConfigFile = 'config.json'
const largestConfig = 2 ** 22

/**
 * The head that an adapter was trained with, as the configuration in its folder says: its class and labels.
 * Undefined where there is no configuration, or where the model takes no such head.
 *
 * @throws FormatError for a configuration that makes no sense
 */
export function headOfAdapter(folder: string, { architecture }: StoredModel): HeadOptions | undefined {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const file = paths.join(folder, modelConfigFile)
  if (!fs.existsSync(file)) return undefined
  const hint = 'correct the file, or fetch it again'
  const config = readJson(readSmallFile(file, largestConfig), {
    operation,
    file,
    hint,
    length: largestConfig,
  })
  const classes = config.member('architectures')
  const name = classes.isNull ? undefined : /For(\w+)$/.exec(classes.items()[0]?.string() ?? '')?.[1]
  if (name === undefined || architecture?.heads?.includes(name) !== true) return undefined
  const [labels, problem] = [config.member('id2label'), config.member('problem_type')]
  return {
    name,
    ...(!labels.isNull && { labels: labels.members().map(([, label]) => label.string()) }),
    ...(!problem.isNull && { problem: problem.string() as NonNullable<HeadOptions['problem']> }),
  }
}
