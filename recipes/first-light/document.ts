/** The documents of the corpus: their form, their split, and the files that they are kept in. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

export const sources: readonly ['squad', 'wordnet', 'debian'] = ['squad', 'wordnet', 'debian']
export type Source = (typeof sources)[number]

export const splits: readonly ['train', 'validation', 'test'] = ['train', 'validation', 'test']
export type Split = (typeof splits)[number]

/** One document as the corpus files hold it, one JSON object a line. */
export type Document = {
  readonly source: Source
  /** What names the document within its source: an article's title, a headword, a source package. */
  readonly document: string
  readonly text: string
}

/** The smallest piece of text that is kept or dropped as a whole. */
export type Paragraph = {
  readonly text: string
  /** The part of the text that duplicates are told by; the text itself where absent. */
  readonly compared?: string
}

/** A run of paragraphs; its heading stays as long as one of its paragraphs does. */
export type Section = {
  readonly heading?: string
  readonly paragraphs: readonly Paragraph[]
}

/** A document before duplicates are dropped. */
export type Draft = {
  readonly source: Source
  readonly document: string
  /** Documents of one family always fall into the same split. */
  readonly family: string
  /** What stands between headings and paragraphs. */
  readonly separator: '\n' | '\n\n'
  readonly sections: readonly Section[]
}

/** The text of a draft. */
export function draftText(draft: Draft): string {
  return draft.sections
    .flatMap((section) => [
      ...(section.heading === undefined ? [] : [section.heading]),
      ...section.paragraphs.map((paragraph) => paragraph.text),
    ])
    .join(draft.separator)
}

/** A draft without the paragraphs that `keep` refuses, nor the sections left empty; undefined if nothing is left. */
export function filterDraft(draft: Draft, keep: (paragraph: Paragraph) => boolean): Draft | undefined {
  const sections = draft.sections
    .map((section) => ({ ...section, paragraphs: section.paragraphs.filter(keep) }))
    .filter((section) => section.paragraphs.length > 0)
  return sections.length > 0 ? { ...draft, sections } : undefined
}

function keyHash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * The split of a document: 96 % train, 2 % validation, 2 % test, by the hash of its source and family alone,
 * so that it does not change when other documents come or go.
 */
export function splitOf(source: Source, family: string): Split {
  const hundredth = keyHash(`${source}\t${family}`).readUInt32BE(0) % 100
  return hundredth < 96 ? 'train' : hundredth < 98 ? 'validation' : 'test'
}

/** A copy in an order that looks random and depends on nothing but the documents' names. */
export function inHashOrder<T extends { source: Source; document: string }>(documents: readonly T[]): T[] {
  return documents
    .map((document) => ({ document, key: keyHash(`order\t${document.source}\t${document.document}`).toString('hex') }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ document }) => document)
}

/** Writes a file whole: under a temporary name first, flushed to disk, then renamed. */
export function writeWhole(file: string, chunks: Iterable<string | Uint8Array>): { bytes: number; sha256: string } {
  const temporary = `${file}.partial`
  const hash = createHash('sha256')
  let bytes = 0
  const descriptor = openSync(temporary, 'w')
  try {
    for (const chunk of chunks) {
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      hash.update(data)
      bytes += data.length
      for (let at = 0; at < data.length; ) at += writeSync(descriptor, data, at)
    }
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, file)
  return { bytes, sha256: hash.digest('hex') }
}

/** Writes documents as JSON lines, some thousand lines at a time. */
export function writeDocuments(file: string, documents: readonly Document[]): { bytes: number; sha256: string } {
  function* chunks(): Generator<string> {
    for (let at = 0; at < documents.length; at += 2000) {
      yield documents
        .slice(at, at + 2000)
        .map(({ source, document, text }) => `${JSON.stringify({ source, document, text })}\n`)
        .join('')
    }
  }
  return writeWhole(file, chunks())
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null) return false
  const { source, document, text } = value as Record<string, unknown>
  return (sources as readonly unknown[]).includes(source) && typeof document === 'string' && typeof text === 'string'
}

/**
 * Reads a file that `writeDocuments` wrote.
 *
 * @throws Error naming the file and line of anything that is not a document.
 */
export async function* readDocuments(file: string): AsyncGenerator<Document> {
  let line = 0
  for await (const json of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line++
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      value = undefined
    }
    if (!isDocument(value)) {
      throw new Error(
        `${file}:${line}: expected {"source", "document", "text"} as JSON, found ${JSON.stringify(json.slice(0, 60))}; ` +
          'make the corpus again with data.js',
      )
    }
    yield value
  }
}
