import { readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { FormatError, loadTokenizer, type Tokenizer } from 'heed'
import { shippedModelFolder } from './model.js'

/** A tokenizer with where it comes from. */
export interface NamedTokenizer {
  readonly name: string
  readonly path: string
  readonly tokenizer: Tokenizer
}

/** Files of a folder that may hold a tokenizer, the one that says most first. */
const known = ['tokenizer.json']

/**
 * The tokenizer in a file or a folder, or of an installed model's package; without a name the one of the
 * model that heed ships.
 *
 * @throws {FormatError} where there is none, or it is none
 */
export async function openTokenizer(name: string | undefined): Promise<NamedTokenizer> {
  const path = await placeOf(name)
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true
  const file = isFolder ? join(path, known[0]!) : path
  const bytes = await contentOf(file)
  return { name: basename(path), path, tokenizer: loadTokenizer(bytes, file) }
}

async function placeOf(name: string | undefined): Promise<string> {
  if (name === undefined) return shippedModelFolder()
  const path = resolve(name)
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  if (isThere || !/^(@[\w.-]+\/)?[\w.-]+$/.test(name)) return path
  try {
    return shippedModelFolder(name)
  } catch {
    return path
  }
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new FormatError({
      operation: 'tokenize',
      expected: 'a tokenizer that can be read',
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'name its file, or the folder that it is in',
      file,
      cause,
    })
  }
}
