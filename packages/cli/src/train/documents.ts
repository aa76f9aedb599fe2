import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { FormatError } from 'heed'
import { documentToken } from '../generate.js'
import { linesFile, textMember } from '../text-member.js'

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
 * by blank lines. White space around a document and empty documents are left out.
 *
 * @throws {FormatError} naming the file (and line) that can't be read or is not what it should be
 */
export async function readDocuments(files: readonly string[]): Promise<Documents> {
  const texts: string[] = []
  const hash = createHash('sha256')
  let bytes = 0
  for (const file of files) {
    const text = decoded(await contentOf(file), file)
    const found = (linesFile.test(file) ? fromLines(text, file) : fromText(text))
      .map((document) => document.trim())
      .filter((document) => document !== '')
    for (const document of found) {
      const content = Buffer.from(document)
      hash.update(`${content.length}:`).update(content)
      bytes += content.length
      texts.push(document)
    }
  }
  return { texts, sha256: hash.digest('hex'), bytes }
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw refusal(
      file,
      'a file that can be read',
      cause instanceof Error ? cause.message : String(cause),
      cause,
    )
  }
}

function decoded(content: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch (cause) {
    throw refusal(file, `text in UTF-8, at most half a gigabyte, in '${file}'`, 'something else', cause)
  }
}

function fromText(text: string): string[] {
  return text.includes(documentToken) ? text.split(documentToken) : text.split(/\r?\n[^\S\n]*\n/)
}

function fromLines(text: string, file: string): string[] {
  const documents: string[] = []
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    const document = textMember(line)
    if (document === undefined)
      throw refusal(
        file,
        `{"text": "…"} as JSON on line ${index + 1} of '${file}'`,
        JSON.stringify(line.slice(0, 60)),
      )
    documents.push(document)
  })
  return documents
}

function refusal(file: string, expected: string, found: string, cause?: unknown): FormatError {
  return new FormatError({
    operation: 'train',
    expected,
    found,
    hint: 'correct the file, or its path in the configuration',
    file,
    cause,
  })
}
