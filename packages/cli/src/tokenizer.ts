import { open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FormatError, loadTokenizer, loadTokenizerFiles, type Tokenizer } from 'heed'
import { foundAt } from 'heed/internals'
import { shippedModelFolder } from './model.js'

/** A tokenizer with where it comes from. */
export interface NamedTokenizer {
  readonly name: string
  readonly path: string
  readonly tokenizer: Tokenizer
}

/** What else a folder may have that a tokenizer is made of, or changed by. */
const others = /^(vocab\.(json|txt)|merges\.txt|tekken\.json|added_tokens\.json|special_tokens_map\.json)$/
const configuration = 'tokenizer_config.json'
const endings = /\.(model|tiktoken|gguf)$/
/** A vocabulary is at the beginning of a GGUF file; the tensors behind it aren't read. */
const mostBytes = 2 ** 28

/**
 * The tokenizer in a file or a folder, or of an installed model's package; without a name the one of the
 * model that heed ships.
 *
 * @throws {FormatError} where there is none, or it is none
 */
export async function openTokenizer(name: string | undefined): Promise<NamedTokenizer> {
  const path = await placeOf(name)
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true
  const tokenizer = isFolder ? await ofFolder(path) : await ofFile(path)
  return { name: basename(path), path, tokenizer }
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

async function ofFolder(folder: string): Promise<Tokenizer> {
  const names = await readdir(folder)
  // The first that is there says all; what stands beside a tokenizer.json of its own can only change it.
  const wanted = names.includes('tokenizer.json')
    ? ['tokenizer.json']
    : names.filter((name) => others.test(name) || name === configuration || endings.test(name))
  const files = await Promise.all(
    wanted.map(async (name) => [name, await beginningOf(join(folder, name))] as const),
  )
  return loadTokenizerFiles(Object.fromEntries(files))
}

/** Some files tell what they are by their names alone; others need the ones beside them. */
async function ofFile(file: string): Promise<Tokenizer> {
  const name = basename(file)
  const bytes = await beginningOf(file)
  if (name === 'vocab.json' || name === 'merges.txt') return ofFolder(dirname(file))
  const known = name.endsWith('.model') ? 'tokenizer.model' : name.endsWith('.txt') ? 'vocab.txt' : name
  if (known.endsWith('.json') && known !== 'tekken.json') return loadTokenizer(bytes, file)
  // Such as /dev/fd/63.
  return !known.includes('.') ? loadTokenizer(bytes, file) : loadTokenizerFiles({ [known]: bytes })
}

async function beginningOf(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      if (size <= mostBytes) return await handle.readFile()
      const bytes = new Uint8Array(mostBytes)
      let length = 0
      for (let read = -1; read !== 0 && length < mostBytes; length += read)
        read = (await handle.read(bytes, length, mostBytes - length, length)).bytesRead
      return bytes.subarray(0, length)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new FormatError({
      operation: 'tokenize',
      expected: 'a tokenizer that can be read',
      found: foundAt(file, cause),
      hint: 'name its file, or the folder that it is in',
      file,
      cause,
    })
  }
}
