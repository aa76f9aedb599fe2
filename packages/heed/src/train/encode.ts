import { checkTexts, nodeModule, UsageError } from '../base/index.js'
import { readSafetensors, writeFileWhole, writeSafetensors } from '../formats/index.js'
import type { Tokenizer } from '../text/index.js'
import { sha256 } from './sha256.js'
import type { TokenIds } from './tokens.js'

/** What stands between the documents of a stream. */
export interface EncodeDocumentsOptions {
  /** A token put before each document, such as the one for the end of a text. */
  readonly separator?: number
}

/**
 * Documents as one stream of token ids, each after the separator: 16 bits a token where the vocabulary has at
 * most 65,536, else 32.
 *
 * @throws UsageError for a separator that the vocabulary doesn't have
 */
export function encodeDocuments(
  tokenizer: Tokenizer,
  documents: Iterable<string>,
  { separator }: EncodeDocumentsOptions = {},
): Uint16Array | Uint32Array {
  checkTexts('encodeDocuments', documents)
  if (
    separator !== undefined &&
    !(Number.isInteger(separator) && separator >= 0 && separator < tokenizer.size)
  )
    throw new UsageError({
      operation: 'encodeDocuments',
      expected: `a separator from 0 to ${tokenizer.size - 1}`,
      found: String(separator),
      hint: 'give the id of a token, such as tokenizer.id(...)',
    })
  const Ids = tokenizer.size <= 65536 ? Uint16Array : Uint32Array
  let ids = new Ids(1 << 16)
  let length = 0
  for (const document of documents) {
    const found = tokenizer.encode(document, { addSpecial: false }).ids
    const needed = length + found.length + 1
    if (needed > ids.length) {
      const larger = new Ids(Math.max(needed, ids.length * 2))
      larger.set(ids.subarray(0, length))
      ids = larger
    }
    if (separator !== undefined) ids[length++] = separator
    ids.set(found, length)
    length += found.length
  }
  return ids.slice(0, length)
}

/**
 * The tokens that `make` gives, kept in a file. They are read from the file if it was written for the same
 * `fingerprint` and is whole by its SHA-256. Otherwise they are made and written: also where the file is
 * damaged or can't be read.
 *
 * @param fingerprint all that the tokens depend on: the documents and where each begins, tokenizer, options
 * @throws HeedError where the file can't be written
 */
export async function cachedTokens(
  path: string,
  fingerprint: string,
  make: () => TokenIds | Promise<TokenIds>,
): Promise<TokenIds> {
  const { readFile } = nodeModule<typeof import('node:fs/promises')>('node:fs/promises', 'cachedTokens')
  try {
    const { tensors, metadata } = readSafetensors(await readFile(path), path)
    const stored = tensors.get('tokens')
    const Ids = arrays[metadata.get('array') ?? '']
    if (stored?.dtype === 'u8' && Ids !== undefined && metadata.get('fingerprint') === fingerprint) {
      const bytes = (stored.data as Uint8Array).slice()
      if (metadata.get('sha256') === (await sha256(bytes)))
        return new Ids(bytes.buffer, 0, bytes.length / Ids.BYTES_PER_ELEMENT)
    }
  } catch {
    // Not there, damaged, or not to be read: what is made is the same.
  }
  const tokens = await make()
  const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)
  await writeFileWhole(
    path,
    writeSafetensors(
      new Map([['tokens', { dtype: 'u8', shape: [bytes.length], data: bytes }]]),
      new Map([
        ['fingerprint', fingerprint],
        ['array', tokens.constructor.name],
        ['sha256', await sha256(bytes)],
      ]),
    ),
  )
  return tokens
}

const arrays: Readonly<
  Record<string, Uint16ArrayConstructor | Uint32ArrayConstructor | Int32ArrayConstructor>
> = { Uint16Array, Uint32Array, Int32Array }
