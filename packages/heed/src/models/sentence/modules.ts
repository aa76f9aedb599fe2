/** The modules of a folder that sentence-transformers wrote: `modules.json`. */
import { type JsonValue, nodeModule, readJson } from '../../base/index.js'
import { readSmallFile } from '../../formats/index.js'

/** In bytes: many times what any has. */
const largest = 2 ** 22
const operation = 'loadSentenceEncoder'

/** What comes after what, and where it stands. */
export interface StoredModule {
  /** The last part of the type's Python name: `Pooling`. */
  readonly type: string
  /** The module's folder on this machine. */
  readonly folder: string
  /** What names the type, for errors. */
  readonly named: JsonValue
}

/** A small JSON file of a folder; undefined where it isn't there. */
export function jsonFile(folder: string, name: string): JsonValue | undefined {
  const { existsSync } = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const file = nodeModule<typeof import('node:path')>('node:path', operation).join(folder, name)
  if (!existsSync(file)) return undefined
  const hint = 'correct the file, or fetch it again'
  return readJson(readSmallFile(file, largest), { operation, file, hint, length: largest })
}

/**
 * The modules of a folder in their order; undefined where there is no `modules.json`.
 *
 * @throws FormatError where one names a place outside of the folder
 */
export function storedModules(folder: string): StoredModule[] | undefined {
  return jsonFile(folder, 'modules.json')
    ?.items()
    .map((item) => {
      const named = item.member('type')
      const type = named.string()
      return {
        type: type.slice(type.lastIndexOf('.') + 1),
        folder: within(folder, item.member('path')),
        named,
      }
    })
}

/**
 * The folder that a path leads to, which may not exist. Throws FormatError where it leads out of `folder`.
 */
function within(folder: string, path: JsonValue): string {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const written = path.isNull ? '' : path.string()
  const refuse = (): never =>
    path.refuse('a folder within the model', {
      found: JSON.stringify(written.slice(0, 100)),
      hint: 'take the model from a source that you trust',
    })
  if (written === '') return folder
  if (paths.isAbsolute(written) || /^[A-Za-z]:|\0/.test(written) || written.split(/[\\/]/).includes('..'))
    refuse()
  const place = paths.join(folder, written)
  if (!fs.existsSync(place)) return place
  const way = paths.relative(fs.realpathSync(folder), fs.realpathSync(place))
  return way === '..' || /^\.\.[\\/]/.test(way) || paths.isAbsolute(way) ? refuse() : place
}
