import { FormatError, nodeModule, shownNames } from '../base/index.js'
import { withFileBytes } from '#file-bytes'
import type { FileBytes } from './bytes-in-memory.js'
import { ggufIn, type GgufFile } from './gguf-tensors.js'
import { isLlama2c, llama2cIn, type Llama2cFile } from './llama2c.js'
import { beginsAsSafetensors, hasPickleName, refuseOtherFormats, refusePickle } from './other-formats.js'
import { type ShardedSafetensors, withSafetensorsIndex } from './safetensors-index.js'
import { type Safetensors, safetensorsIn } from './safetensors-read.js'

const operation = 'openWeights'
const single = 'model.safetensors'
const list = 'model.safetensors.index.json'

/** Weights of a format that heed reads; `format` says which. */
export type Weights = Safetensors | ShardedSafetensors | GgufFile | Llama2cFile

/**
 * Runs `use` with the weights that a path leads to, whatever their format. What a file has beside its numbers
 * is read, and each tensor when it is asked for, until `use` returns, or the promise that it returns is
 * settled.
 *
 * @param path of a file in safetensors, GGUF or the legacy layout of llama2.c, of a list of files
 * (`model.safetensors.index.json`), or of a folder, see `weightsFile`
 * @throws FormatError for anything else, with what it is and, of pickles, how to convert it
 */
export function openWeights<T>(path: string, use: (weights: Weights) => T): T {
  const file = weightsFile(path)
  if (file.endsWith('.json')) return withSafetensorsIndex(file, use)
  return withFileBytes(file, (bytes) => use(weightsIn(bytes)))
}

/**
 * The file that has a folder's weights: `model.safetensors`, else `model.safetensors.index.json`, else the
 * only `*.gguf`. A path of something else is given back.
 *
 * @throws FormatError where there is nothing, or a folder has none of them, or several GGUF files, with what
 * it has
 */
export function weightsFile(path: string): string {
  const { readdirSync, statSync } = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  let names: readonly string[]
  try {
    if (!statSync(path).isDirectory()) return path
    names = readdirSync(path).sort()
  } catch (cause) {
    throw new FormatError({
      operation,
      expected: 'a file or a folder that can be read',
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check the path',
      file: path,
      cause,
    })
  }
  const ggufs = names.filter((name) => /\.gguf$/i.test(name))
  const found =
    [single, list].find((name) => names.includes(name)) ?? (ggufs.length === 1 ? ggufs[0] : undefined)
  if (found !== undefined) return paths.join(path, found)
  const pickled = names.find((name) => /^pytorch_model.*\.bin$|\.(pt|pth|ckpt)$/.test(name))
  if (ggufs.length === 0 && pickled !== undefined) refusePickle(operation, path, paths.join(path, pickled))
  const likely = names.filter((name) => /\.(gguf|safetensors|bin)$/i.test(name))
  throw new FormatError({
    operation,
    expected: `a folder with ${single}, ${list} or one GGUF file`,
    found: names.length === 0 ? 'an empty folder' : shownNames(likely.length > 0 ? likely : names),
    hint: likely.length > 0 ? 'name one of these files' : 'name the folder of a model',
    file: path,
  })
}

function weightsIn(bytes: FileBytes): Weights {
  refuseOtherFormats(bytes, operation)
  if (beginsAsSafetensors(bytes.slice(0, Math.min(9, bytes.length)))) return safetensorsIn(bytes)
  if (isGguf(bytes)) return ggufIn(bytes)
  if (isLlama2c(bytes) || hasPickleName(bytes.path)) return llama2cIn(bytes)
  return safetensorsIn(bytes)
}

function isGguf(bytes: FileBytes): boolean {
  const first = bytes.slice(0, Math.min(4, bytes.length))
  return String.fromCharCode(...first) === 'GGUF' || /\.gguf$/i.test(bytes.path ?? '')
}
