import { nodeModule, UsageError } from '../base/index.js'
import type { StoredTensor } from './dense-tensor.js'
import { removeFile, stageFile, type StagedFile } from './files.js'
import { bytesToWrite, planSafetensors, type SafetensorsPlan, sizeToWrite } from './safetensors-write.js'

const operation = 'saveSafetensors'
const extension = '.safetensors'

/** How weights are written to the disk. */
export interface SaveSafetensorsOptions {
  /** What the files say beside their tensors. Default `format: pt`, without which some libraries refuse. */
  readonly metadata?: ReadonlyMap<string, string>
  /**
   * The most bytes of numbers in one file, unless a single tensor has more. Default 5 × 10^9, as on the hub.
   */
  readonly shardBytes?: number
}

interface Shard {
  readonly path: string
  readonly plan: SafetensorsPlan
}

/**
 * Writes tensors to the disk in the hub's layout, one after the other: each one's numbers are asked for when
 * it is its turn, and not kept. More than `shardBytes` of them are split, in their order, into
 * `model-00001-of-00003.safetensors` and so on, with the list of what is where in
 * `model.safetensors.index.json`.
 *
 * All files are on the disk before the first gets its name, and the list gets its name last. What was under
 * these names before is there whole until then. A reader never takes files of both for one model. Afterwards
 * what the folder had of another number of shards is removed.
 *
 * @param path the single file's: `FOLDER/model.safetensors`
 * @returns the paths of the files, in order; the list's last
 * @throws UsageError, ShapeError for what the format can't hold, before anything is written
 * @throws HeedError where the disk refuses
 */
export async function saveSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  { metadata = new Map([['format', 'pt']]), shardBytes = 5e9 }: SaveSafetensorsOptions = {},
): Promise<readonly string[]> {
  if (!path.endsWith(extension)) throw usageError(`a path that ends in ${extension}`, `'${path}'`)
  if (!(shardBytes > 0)) throw usageError('shards of more than 0 bytes', String(shardBytes))
  const shards = shardsOf(path, tensors, metadata, shardBytes)
  const isSplit = shards.length > 1
  const index = `${path}.index.json`
  const staged: StagedFile[] = []
  try {
    for (const { path: file, plan } of shards) staged.push(await stageFile(file, partsOf(plan)))
    if (isSplit) {
      staged.push(await stageFile(index, new TextEncoder().encode(indexOf(shards))))
      await removeFile(index)
    }
    for (const file of staged) await file.commit()
  } catch (error) {
    for (const file of staged) await file.discard()
    throw error
  }
  const files = [...shards.map((shard) => shard.path), ...(isSplit ? [index] : [])]
  await removeOthers(path, files)
  return files
}

function* partsOf({ head, tensors }: SafetensorsPlan): Iterable<Uint8Array> {
  yield head
  for (const [name, tensor] of tensors) yield bytesToWrite(name, tensor)
}

/** Which tensors stand in which file. */
function shardsOf(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: ReadonlyMap<string, string>,
  most: number,
): Shard[] {
  const parts: [string, StoredTensor][][] = [[]]
  let filled = 0
  for (const [name, tensor] of tensors) {
    const size = sizeToWrite(name, tensor)
    if (filled > 0 && filled + size > most) {
      parts.push([])
      filled = 0
    }
    parts.at(-1)!.push([name, tensor])
    filled += size
  }
  const name = (i: number): string =>
    parts.length === 1
      ? path
      : `${path.slice(0, -extension.length)}-${five(i + 1)}-of-${five(parts.length)}${extension}`
  return parts.map((part, i) => ({ path: name(i), plan: planSafetensors(part, metadata) }))
}

function five(number: number): string {
  return String(number).padStart(5, '0')
}

/** The list of which tensor stands where, as the hub has it. */
function indexOf(shards: readonly Shard[]): string {
  const places = shards
    .flatMap(({ path, plan }) => plan.tensors.map(([name]) => [name, baseName(path)] as const))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const size = shards.reduce((sum, { plan }) => sum + plan.size, 0)
  const lines = places.map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`)
  return `{\n  "metadata": {\n    "total_size": ${size}\n  },\n  "weight_map": {\n${lines.join(',\n')}\n  }\n}\n`
}

/** Removes the files of the same model that are not of those that were written. */
async function removeOthers(path: string, written: readonly string[]): Promise<void> {
  const { readdir } = nodeModule<typeof import('node:fs/promises')>('node:fs/promises', operation)
  const folder = paths().dirname(path)
  const stem = baseName(path).slice(0, -extension.length)
  const own = written.map(baseName)
  for (const name of await readdir(folder)) {
    if (!name.startsWith(stem) || own.includes(name)) continue
    if (/^(-\d{5}-of-\d{5})?\.safetensors$|^\.safetensors\.index\.json$/.test(name.slice(stem.length)))
      await removeFile(paths().join(folder, name))
  }
}

const paths = (): typeof import('node:path') => nodeModule('node:path', operation)

function baseName(path: string): string {
  return paths().basename(path)
}

function usageError(expected: string, found: string): UsageError {
  return new UsageError({ operation, expected, found, hint: 'correct that argument' })
}
