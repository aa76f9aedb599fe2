/** The documents of the corpus: their form, their split, and the files that they are kept in. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { FormatError } from 'heed'
import { writeFileWhole } from 'heed/internals'

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

/**
 * A draft without the paragraphs that `keep` refuses, nor the sections left empty; undefined if nothing is
 * left.
 */
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
    .map((document) => ({
      document,
      key: keyHash(`order\t${document.source}\t${document.document}`).toString('hex'),
    }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ document }) => document)
}

/** Writes documents as JSON lines; says how large the file is, and its checksum. */
export async function writeDocuments(
  file: string,
  documents: readonly Document[],
): Promise<{ bytes: number; sha256: string }> {
  const lines = documents.map(
    ({ source, document, text }) => `${JSON.stringify({ source, document, text })}\n`,
  )
  const bytes = Buffer.from(lines.join(''))
  await writeFileWhole(file, bytes)
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null) return false
  const { source, document, text } = value as Record<string, unknown>
  return (
    (sources as readonly unknown[]).includes(source) &&
    typeof document === 'string' &&
    typeof text === 'string'
  )
}

/**
 * Reads a file that `writeDocuments` wrote.
 *
 * @throws FormatError naming the file and line of anything that is not a document.
 */
export async function* readDocuments(file: string): AsyncGenerator<Document> {
  let line = 0
  for await (const json of linesOf(file)) {
    line++
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      value = undefined
    }
    if (!isDocument(value)) {
      throw new FormatError({
        operation: 'readDocuments',
        expected: `{"source", "document", "text"} as JSON on line ${line} of '${file}'`,
        found: JSON.stringify(json.slice(0, 60)),
        hint: 'make the corpus again, with data.js',
        file,
      })
    }
    yield value
  }
}

/**
 * What stands between line feeds. node:readline also ends lines at U+2028 in newer versions of Node, which
 * JSON has within texts.
 */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(file, 'utf8')) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}
