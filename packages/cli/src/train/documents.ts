import { createHash } from 'node:crypto'
import { readRecords, type DataSource } from 'heed'

/** The documents of some files, and what they were made of. */
export interface Documents {
  readonly texts: readonly string[]
  /** Of all texts, each with its length, in hexadecimal: whatever files they stand in, and how. */
  readonly sha256: string
  /** UTF-8 bytes of all texts. */
  readonly bytes: number
}

/**
 * Reads documents. A `.jsonl` or `.ndjson` file has one a line, as `{"text": "…"}` (other fields are left
 * alone). Any other file is plain text, its documents separated by `<|endoftext|>` if that occurs in it, else
 * by blank lines. White space around a document and empty documents are left out. `.gz` files are unpacked.
 *
 * @throws {FormatError} naming the file (and line) that can't be read or is not what it should be
 */
export async function readDocuments(files: readonly string[]): Promise<Documents> {
  const texts: string[] = []
  const hash = createHash('sha256')
  let bytes = 0
  const sources = files.map((path): DataSource => {
    const isLines = /\.(jsonl|ndjson)(\.gz)?$/i.test(path)
    return isLines ? { path, format: 'jsonl', fields: { text: 'text' } } : { path, format: 'text' }
  })
  for await (const { text } of readRecords(sources, { operation: 'train' })) {
    const document = (text as string).trim()
    if (document === '') continue
    const content = Buffer.from(document)
    hash.update(`${content.length}:`).update(content)
    bytes += content.length
    texts.push(document)
  }
  return { texts, sha256: hash.digest('hex'), bytes }
}
