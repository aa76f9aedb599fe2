/**
 * A checkpoint in several safetensors files: `model.safetensors.index.json` says in which of them each tensor
 * stands. The list may be hostile: it names files of its own folder alone, and has to agree with them.
 */
import { FormatError, JsonReader, nodeModule } from '../base/index.js'
import { withFiles } from '#file-bytes'
import type { FileBytes } from './bytes-in-memory.js'
import type { DenseTensor } from './dense-tensor.js'
import { hasPickleName, refusePickle } from './other-formats.js'
import { safetensorsIn, type Safetensors } from './safetensors-read.js'

const operation = 'readSafetensorsIndex'
/** In bytes: many times what any has. */
const longestIndex = 2 ** 25
/** As in a file. */
const mostTensors = 2 ** 17
/** Each is open as long as it is used. */
const mostFiles = 2 ** 10

/** Tensors of several files as if they were one's. */
export interface ShardedSafetensors extends Safetensors {
  /** The paths of the files, in the order in which the list names them first. */
  readonly files: readonly string[]
}

/** The list of which tensor stands in which file: names of tensors by names of files. */
type Places = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Runs `use` with the tensors of all files that a list names, in the order of the list. Their headers are
 * read, and each tensor when it is asked for, until `use` returns, or the promise that it returns is settled.
 *
 * @param path of the list, `FOLDER/model.safetensors.index.json`
 * @throws FormatError where the list is wrong, names a file outside of its folder, or a file has not exactly
 * the tensors that the list says
 */
export function withSafetensorsIndex<T>(path: string, use: (files: ShardedSafetensors) => T): T {
  return withFiles((open) => {
    const { names, places } = readIndex(open(path))
    const folder = paths().dirname(path)
    const found = new Map<string, DenseTensor>()
    const metadata = new Map<string, string>()
    const files: string[] = []
    for (const [file, wanted] of places) {
      const shard = pathWithin(folder, file, path)
      files.push(shard)
      const read = safetensorsIn(open(shard))
      checkShard(read, wanted, places, shard)
      for (const [name, tensor] of read.tensors) found.set(name, tensor)
      for (const [key, text] of read.metadata) metadata.set(key, text)
    }
    const tensors = new Map(names.map((name) => [name, found.get(name)!] as const))
    return use({ format: 'safetensors', tensors, metadata, files })
  })
}

/** What the list says, each name once. */
function readIndex(bytes: FileBytes): { names: string[]; places: Places } {
  const file = bytes.path
  const hint = 'the list of files is damaged; fetch it again'
  if (bytes.length > longestIndex)
    throw new FormatError({
      operation,
      expected: `a list of at most ${longestIndex} bytes`,
      found: String(bytes.length),
      hint,
      file,
    })
  const reader = new JsonReader(bytes.slice(0, bytes.length), { operation, file, hint, length: Infinity })
  const places = new Map<string, Set<string>>()
  const names = new Set<string>()
  let hasMap = false
  reader.record((field) => {
    if (field !== 'weight_map') return reader.skip()
    hasMap = true
    return reader.record((name) => {
      if (names.has(name)) reader.refuse('there once', { found: 'it again' })
      if (names.size === mostTensors)
        reader.refuse(`one of at most ${mostTensors} tensors`, { found: 'more' })
      names.add(name)
      const { at } = reader
      const shard = reader.string()
      let place = places.get(shard)
      if (place === undefined) {
        if (!isWithin(shard)) {
          if (hasPickleName(shard)) refusePickle(operation, file, shard)
          const found = JSON.stringify(shard.slice(0, 100))
          reader.refuse('the name of a safetensors file in the same folder', { found, at })
        }
        if (places.size === mostFiles)
          reader.refuse(`in one of at most ${mostFiles} files`, { found: 'more', at })
        places.set(shard, (place = new Set()))
      }
      place.add(name)
    }, true)
  })
  reader.end()
  if (!hasMap)
    throw new FormatError({ operation, expected: "a list with a 'weight_map'", found: 'none', hint, file })
  return { names: [...names], places }
}

/** Whether a name can only be that of a file in the folder, or in one inside of it, on any system. */
function isWithin(name: string): boolean {
  return (
    name.length <= 1024 &&
    /^[^\\:\0-\x1f]+\.safetensors$/.test(name) &&
    name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  )
}

/**
 * The path of a file in a folder, with its links followed: they must not lead out of the folder. The hub's
 * own cache keeps the files themselves beside its folders of links: `blobs` beside `snapshots`.
 */
function pathWithin(folder: string, name: string, index: string): string {
  const { realpathSync } = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const refuse = (expected: string, found: string, hint: string, cause?: unknown): never => {
    throw new FormatError({ operation, expected, found, hint, file: index, cause })
  }
  const path = paths().join(folder, name)
  let real: string
  let root: string
  try {
    root = realpathSync(folder)
    real = realpathSync(path)
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause)
    return refuse(`the file '${path}', which the list names`, found, 'fetch all files of the model', cause)
  }
  const isBelow = (above: string): boolean => {
    const way = paths().relative(above, real)
    return way !== '' && way.split(paths().sep)[0] !== '..' && !paths().isAbsolute(way)
  }
  const snapshots = paths().dirname(paths().resolve(folder))
  const cache = paths().join(root, '..', '..', 'blobs')
  if (isBelow(root) || (paths().basename(snapshots) === 'snapshots' && isBelow(cache))) return real
  return refuse(
    `a file in the folder of the list`,
    `a link from '${path}' to '${real}'`,
    'copy the file there',
  )
}

const paths = (): typeof import('node:path') => nodeModule('node:path', operation)

/** Refuses a file that has other tensors than the list says. */
function checkShard(
  { tensors }: Safetensors,
  wanted: ReadonlySet<string>,
  places: Places,
  file: string,
): void {
  const refuse = (expected: string, found: string): never => {
    const hint = 'the files are of different versions of the model; fetch all of them again'
    throw new FormatError({ operation, expected, found, hint, file })
  }
  for (const name of wanted)
    if (!tensors.has(name)) refuse(`the tensor ${shown(name)}, as the list says`, `a file without it`)
  for (const name of tensors.keys()) {
    if (wanted.has(name)) continue
    const other = [...places].find(([, names]) => names.has(name))?.[0]
    refuse(
      'only the tensors that the list places there',
      other === undefined
        ? `also ${shown(name)}, which the list lacks`
        : `also ${shown(name)}, which the list places in ${shown(other)}`,
    )
  }
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}
