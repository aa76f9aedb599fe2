import { FormatError, nearest, nodeModule, readJson, UsageError } from '../../base/index.js'
import {
  checkDataSource,
  type DataPart,
  type DataSource,
  expandPath,
  formatOf,
  partOf,
  recordFields,
} from './data-source.js'
import { fileText } from './file-text.js'
import { type Reading, type TextPiece, textLines, wrongText } from './lines.js'
import { lineOptions, squadRecords, type StoredRecord } from './squad.js'
import { tableRows } from './table.js'

/**
 * A record of data, by the names of its fields: `{ text, pair?, label? }` to classify,
 * `{ text | words, labels }` for tokens, `{ id, question, context, answers, impossible? }` to read,
 * `{ text, pair, score }` for similarity, `{ text, positive, negatives? }` for contrasts,
 * `{ query, documents, relevant }` to rank, `{ text }` or `{ prompt, completion }` for language,
 * `{ source, target }` to rewrite, `{ source, targets }` where several people did, `{ image, text }` to
 * describe: the path of a picture, relative to the folder of the file until it is read.
 */
export type DataRecord = Readonly<Record<string, unknown>>

/** Where paths lead. */
export interface ReadRecordsOptions {
  /** What relative paths are relative to. Default the working folder. */
  readonly folder?: string
  /** Variables that paths may name. Default the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Who reads, for errors. Default `readRecords`. */
  readonly operation?: string
}

/** Where a record stands. */
export interface RecordOrigin {
  readonly file: string
  /** The line that it begins on, from 1. */
  readonly line: number
}

const origins = new WeakMap<DataRecord, RecordOrigin>()

/** Where a record that `readRecords` gave was read; undefined for others. */
export function recordOrigin(record: DataRecord): RecordOrigin | undefined {
  return origins.get(record)
}

/**
 * The records of files, one after the other as they are read: no more is held than a record and what comes
 * with one reading (but a file that is one JSON text, or documents, is held whole).
 *
 * @throws UsageError for a source that makes no sense, or a variable that isn't set
 * @throws FormatError naming file and line of what can't be read or is not what it should be
 */
export async function* readRecords(
  sources: DataSource | readonly DataSource[],
  options: ReadRecordsOptions = {},
): AsyncGenerator<DataRecord> {
  const { operation = 'readRecords' } = options
  const list = Array.isArray(sources) ? (sources as readonly DataSource[]) : [sources as DataSource]
  for (const source of list) checkDataSource(operation, source)
  for (const source of list) {
    const reading = { operation, name: pathOf(source, options) }
    const { part, limit = Infinity } = source
    let count = 0
    for await (const stored of storedRecords(source, reading)) {
      const record = recordOf(stored, source, reading)
      if (record === undefined || (part !== undefined && !isTaken(part, stored, record, reading))) continue
      origins.set(record, { file: reading.name, line: stored.line })
      yield record
      if (++count >= limit) break
    }
  }
}

/**
 * All records of files.
 *
 * @throws UsageError and FormatError as `readRecords` does, and where there is none
 */
export async function loadRecords(
  sources: DataSource | readonly DataSource[],
  options: ReadRecordsOptions = {},
): Promise<readonly DataRecord[]> {
  const records: DataRecord[] = []
  for await (const record of readRecords(sources, options)) records.push(record)
  if (records.length > 0) return records
  const list = Array.isArray(sources) ? (sources as readonly DataSource[]) : [sources as DataSource]
  throw new FormatError({
    operation: options.operation ?? 'readRecords',
    expected: 'at least one record',
    found: `none in ${list.map(({ path }) => `'${path}'`).join(', ')}`,
    hint: 'look at part and labels of the data source, and at the file',
    file: list[0]?.path,
  })
}

/** Where a source's file is. @throws UsageError for a variable that isn't set */
function pathOf(
  { path }: DataSource,
  { folder, environment, operation = 'readRecords' }: ReadRecordsOptions,
): string {
  const whole = expandPath(operation, path, environment ?? globalThis.process?.env ?? {})
  if (folder === undefined) return whole
  return nodeModule<typeof import('node:path')>('node:path', operation).resolve(folder, whole)
}

function storedRecords(source: DataSource, reading: Reading): AsyncGenerator<StoredRecord> {
  const pieces = fileText(reading)
  const format = formatOf(reading.operation, source)
  switch (format) {
    case 'csv':
    case 'tsv':
      return tableRecords(pieces, source, format, reading)
    case 'jsonl':
      return lineRecords(pieces, reading)
    case 'squad':
      return squadRecords(pieces, reading)
    case 'lines':
      return textRecords(pieces, reading)
    case 'text':
      return documentRecords(pieces)
  }
}

async function* tableRecords(
  pieces: AsyncIterable<TextPiece>,
  source: DataSource,
  format: 'csv' | 'tsv',
  reading: Reading,
): AsyncGenerator<StoredRecord> {
  const { quotes = format === 'csv' } = source
  let { columns } = source
  for await (const { cells, line } of tableRows(
    pieces,
    { separator: format === 'csv' ? ',' : '\t', quotes },
    reading,
  )) {
    if (columns === undefined) {
      columns = cells
      const twice = cells.find((name, i) => cells.indexOf(name) < i)
      if (twice !== undefined)
        throw wrongText(
          reading,
          `columns with names of their own in line ${line} of '${reading.name}'`,
          `'${twice}' twice`,
        )
      continue
    }
    if (cells.length !== columns.length)
      throw wrongText(
        reading,
        `${columns.length} cells, one for each column, in line ${line} of '${reading.name}'`,
        String(cells.length),
      )
    const names = columns
    yield { line, fields: Object.fromEntries(cells.map((cell, i) => [names[i], cell])) }
  }
}

async function* lineRecords(
  pieces: AsyncIterable<TextPiece>,
  reading: Reading,
): AsyncGenerator<StoredRecord> {
  for await (const { text, number } of textLines(pieces, reading)) {
    if (text.trim() === '') continue
    const value = readJson(text, lineOptions(reading, number, { values: 2 ** 20 }))
    value.members()
    yield { line: number, fields: value.plain() as Readonly<Record<string, unknown>> }
  }
}

async function* textRecords(
  pieces: AsyncIterable<TextPiece>,
  reading: Reading,
): AsyncGenerator<StoredRecord> {
  for await (const { text, number } of textLines(pieces, reading))
    if (text.trim() !== '') yield { line: number, fields: { text: text.trim() } }
}

/** What stands between documents, where a file has it. */
const endOfText = '<|endoftext|>'

async function* documentRecords(pieces: AsyncIterable<TextPiece>): AsyncGenerator<StoredRecord> {
  const parts: string[] = []
  for await (const { text } of pieces) parts.push(text)
  const whole = parts.join('')
  const between = whole.includes(endOfText) ? /<\|endoftext\|>/g : /\r?\n[^\S\n]*\n/g
  let [start, line] = [0, 1]
  while (start < whole.length) {
    const found = between.exec(whole)
    const end = found?.index ?? whole.length
    const document = whole.slice(start, end)
    const text = document.trim()
    const before = document.slice(0, document.length - document.trimStart().length)
    if (text !== '') yield { line: line + lineEnds(before), fields: { text } }
    start = end + (found?.[0].length ?? 0)
    line += lineEnds(document) + lineEnds(found?.[0] ?? '')
  }
}

function lineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** The record that a source takes from what is stored; undefined where its label leaves it out. */
function recordOf(stored: StoredRecord, source: DataSource, reading: Reading): DataRecord | undefined {
  const { fields, labels } = source
  const record: Record<string, unknown> = {}
  const entries =
    fields === undefined
      ? Object.keys(stored.fields).map((name) => [name, name] as const)
      : Object.entries(fields)
  for (const [name, from] of entries) {
    let value = Array.isArray(from)
      ? from.map((each: string) => memberOf(stored, each, reading))
      : fields === undefined
        ? stored.fields[name]
        : memberOf(stored, from as string, reading)
    if (value === null || value === undefined) continue
    if (Object.hasOwn(recordFields, name)) value = valueOf(name, value, stored, reading)
    if (labels !== undefined && (name === 'label' || name === 'labels')) {
      value = Array.isArray(value)
        ? value.map((label) => labelOf(label, labels, stored, reading))
        : labelOf(value, labels, stored, reading)
      if (value === null) return undefined
    }
    record[name] = value
  }
  return record
}

/** A column or a member: by its own name, else by the path of names to it. */
function memberOf({ fields, line }: StoredRecord, path: string, reading: Reading): unknown {
  if (Object.hasOwn(fields, path)) return fields[path]
  let value: unknown = fields
  for (const name of path.split('.')) {
    const found =
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined
    if (found === undefined) {
      const close = nearest(path, Object.keys(fields))
      throw new FormatError({
        operation: reading.operation,
        expected: `a field '${path}' in line ${line} of '${reading.name}'`,
        found: Object.keys(fields).join(', '),
        hint: close === undefined ? 'correct fields of the data source' : `did you mean '${close}'?`,
        file: reading.name,
      })
    }
    value = found
  }
  return value
}

/** A field's value as its kind has it: what a table has as text may be a number, or a list of words. */
function valueOf(name: string, value: unknown, { line }: StoredRecord, reading: Reading): unknown {
  const refuse = (expected: string): never => {
    const text = JSON.stringify(value) ?? 'nothing'
    const place = `'${name}' in line ${line} of '${reading.name}'`
    throw wrongText(reading, `${place} to be ${expected}`, text.length > 60 ? `${text.slice(0, 59)}…` : text)
  }
  switch (recordFields[name]) {
    case 'text': {
      if (typeof value === 'string') return value
      if (typeof value === 'number' && name === 'id') return String(value)
      // A text sentence by sentence.
      const isList = Array.isArray(value) && value.every((item) => typeof item === 'string')
      return isList ? value.join(' ') : refuse('a text')
    }
    case 'number': {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
      return typeof number === 'number' && Number.isFinite(number) ? number : refuse('a number')
    }
    case 'texts': {
      if (typeof value === 'string') return value.split(/\s+/).filter((word) => word !== '')
      const isList = Array.isArray(value) && value.every((item) => ['string', 'number'].includes(typeof item))
      return isList ? value : refuse('a list of texts')
    }
    case 'file':
      return typeof value === 'string' && value !== '' ? beside(reading, value) : refuse('the path of a file')
    case 'label':
      return typeof value === 'string' || typeof value === 'number' ? value : refuse('a text or a number')
    default:
      return value
  }
}

/** A path that is relative to the folder of the file that has it. */
function beside({ name, operation }: Reading, path: string): string {
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  return paths.resolve(paths.dirname(name), path)
}

function labelOf(
  label: unknown,
  labels: Readonly<Record<string, string | null>>,
  { line }: StoredRecord,
  reading: Reading,
): string | null {
  const name = String(label)
  if (Object.hasOwn(labels, name)) return labels[name]!
  const close = nearest(name, Object.keys(labels))
  throw new FormatError({
    operation: reading.operation,
    expected: `a label of ${Object.keys(labels).slice(0, 10).join(', ')} in line ${line} of '${reading.name}'`,
    found: JSON.stringify(name.slice(0, 60)),
    hint:
      close === undefined
        ? 'name it in labels of the data source; null leaves it out'
        : `did you mean '${close}'?`,
    file: reading.name,
  })
}

function isTaken(
  { by, of, take }: DataPart,
  stored: StoredRecord,
  record: DataRecord,
  reading: Reading,
): boolean {
  const value =
    Object.hasOwn(stored.fields, by) || !Object.hasOwn(record, by)
      ? memberOf(stored, by, reading)
      : record[by]
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new UsageError({
      operation: reading.operation,
      expected: `part.by to name a text, as '${by}' in line ${stored.line} of '${reading.name}'`,
      found: JSON.stringify(value)?.slice(0, 60) ?? 'nothing',
      hint: 'name another field',
    })
  return take.includes(partOf(String(value).trim(), of))
}
