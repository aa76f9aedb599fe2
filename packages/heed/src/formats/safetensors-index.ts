/**
 * A checkpoint in several safetensors files: `model.safetensors.index.json` says in which of them each tensor
 * stands. The list may be hostile: it names files of its own folder alone, and has to agree with them.
 */
import { FormatError, JsonReader, nodeModule, shownName } from '../base/index.js'
import { withFiles } from '#file-bytes'
import type { FileBytes } from './bytes-in-memory.js'
import type { DenseTensor } from './dense-tensor.js'
import { hasPickleName, refusePickle } from './other-formats.js'
import { safetensorsIn, type Safetensors } from './safetensors-read.js'

const operation = 'readSafetensorsIndex'
/** In bytes: many times what any has. */
const longestIndex = 2 ** 25
/** Twice as many as one file may have. */
const mostTensors = 2 ** 17
/** Each is open as long as it is used. */
const mostFiles = 2 ** 10

/** Tensors of several files as if they were one's. */
export interface ShardedSafetensors extends Safetensors {
  /** The paths of the files, in the order in which the list names them first. */
  readonly files: readonly string[]
}

/** What a list says. */
interface Index {
  /** In which file each tensor stands, until it is found there. */
  readonly tensors: Map<string, number | DenseTensor>
  readonly files: readonly string[]
  /** How many tensors each file has. */
  readonly counts: readonly number[]
}

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
    const index = readIndex(open(path))
    const metadata = new Map<string, string>()
    const files = index.files.map((name, i) => {
      const file = pathWithin(paths().dirname(path), name, path)
      const shard = safetensorsIn(open(file))
      takeShard(index, i, shard, file)
      for (const [key, text] of shard.metadata) metadata.set(key, text)
      return file
    })
    const tensors = index.tensors as Map<string, DenseTensor>
    return use({ format: 'safetensors', tensors, metadata, files })
  })
}

function readIndex(bytes: FileBytes): Index {
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
  const tensors = new Map<string, number>()
  const numbers = new Map<string, number>()
  const counts: number[] = []
  const numberOf = (name: string, at: number): number => {
    const known = numbers.get(name)
    if (known !== undefined) return known
    if (!isWithin(name)) {
      if (hasPickleName(name)) refusePickle(operation, file, name)
      const expected = 'the name of a safetensors file in the same folder'
      reader.refuse(expected, { found: shownName(name), at })
    }
    if (counts.length === mostFiles)
      reader.refuse(`in one of at most ${mostFiles} files`, { found: 'more', at })
    numbers.set(name, counts.length)
    return counts.push(0) - 1
  }
  let hasMap = false
  reader.record((field) => {
    if (field !== 'weight_map') return reader.skip()
    hasMap = true
    return reader.record((name) => {
      if (tensors.has(name)) reader.refuse('there once', { found: 'it again' })
      if (tensors.size === mostTensors)
        reader.refuse(`one of at most ${mostTensors} tensors`, { found: 'more' })
      const { at } = reader
      const number = numberOf(reader.string(), at)
      counts[number]!++
      tensors.set(name, number)
    }, true)
  })
  reader.end()
  if (!hasMap)
    throw new FormatError({ operation, expected: "a list with a 'weight_map'", found: 'none', hint, file })
  return { tensors, files: [...numbers.keys()], counts }
}

/** Whether a name can only be that of a file in the folder, or in one inside of it, on any system. */
function isWithin(name: string): boolean {
  return (
    name.length <= 255 &&
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

/** Puts the tensors of a file in their places, where it has exactly those that the list says. */
function takeShard(
  { tensors, files, counts }: Index,
  number: number,
  shard: Safetensors,
  file: string,
): void {
  const refuse = (expected: string, found: string): never => {
    const hint = 'the files are of different versions of the model; fetch all of them again'
    throw new FormatError({ operation, expected, found, hint, file })
  }
  if (shard.tensors.size < counts[number]!)
    for (const [name, place] of tensors)
      if (place === number && !shard.tensors.has(name))
        refuse(`the tensor ${shownName(name)}, as the list says`, 'a file without it')
  for (const [name, tensor] of shard.tensors) {
    const place = tensors.get(name)
    if (place !== number) {
      const other = typeof place === 'number' ? files[place]! : (place?.place.bytes.path ?? '')
      refuse(
        'only the tensors that the list places there',
        `also ${shownName(name)}, which the list ${place === undefined ? 'lacks' : `places in ${shownName(other)}`}`,
      )
    }
    tensors.set(name, tensor)
  }
}
