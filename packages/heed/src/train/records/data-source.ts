import { checkNames, nearest, UsageError } from '../../base/index.js'

/** How a file of data is written. */
export type DataFormat = 'csv' | 'tsv' | 'jsonl' | 'squad' | 'text' | 'lines'

/** Which records of a file are taken, by a hash of one of their fields: equal texts fall into equal parts. */
export interface DataPart {
  /** The field's name, in the file or in the record. */
  readonly by: string
  /** How many parts there are. */
  readonly of: number
  /** The numbers of those that are taken, from 0. */
  readonly take: readonly number[]
}

/** A file of data and what is taken from it, as JSON has it. */
export interface DataSource {
  /** Variables of the environment may stand in it: `$NAME`. A `.gz` file is unpacked. */
  readonly path: string
  /**
   * Default by the file's name. `csv`, `tsv`: tables with names in the first row. `jsonl`: a record a line,
   * as JSON. `squad`: questions about texts. `text`: documents between blank lines or `<|endoftext|>`;
   * `lines`: a document a line.
   */
  readonly format?: DataFormat
  /** The columns of a table whose first row is data. */
  readonly columns?: readonly string[]
  /** Whether quotation marks enclose cells. Default: in `csv`, not in `tsv`. */
  readonly quotes?: boolean
  /**
   * Where each field of a record comes from: a column, or a member (`translation.en`); several make a list.
   * A list of sentences where a text belongs is joined by spaces. Default: all, by their own names.
   */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  /** What the file calls each label, and its name; null leaves such records out. Others are refused. */
  readonly labels?: Readonly<Record<string, string | null>>
  readonly part?: DataPart
  /** At most so many records, from the beginning of what is taken. */
  readonly limit?: number
}

const names: Record<keyof DataSource, true> = {
  path: true,
  format: true,
  columns: true,
  quotes: true,
  fields: true,
  labels: true,
  part: true,
  limit: true,
}

/** The names that a source may have. */
export const dataSourceNames: readonly string[] = Object.keys(names)
/** The formats that are read. */
export const dataFormats: readonly DataFormat[] = ['csv', 'tsv', 'jsonl', 'squad', 'text', 'lines']

/** What a field of a record holds. Others are not known, and refused in `fields`. */
export const recordFields: Readonly<Record<string, 'text' | 'number' | 'texts' | 'label' | 'file' | 'any'>> =
  {
    id: 'text',
    title: 'text',
    text: 'text',
    pair: 'text',
    label: 'label',
    score: 'number',
    words: 'texts',
    labels: 'texts',
    question: 'text',
    context: 'text',
    answers: 'any',
    impossible: 'any',
    positive: 'text',
    negatives: 'texts',
    query: 'text',
    documents: 'any',
    relevant: 'any',
    prompt: 'text',
    completion: 'text',
    choices: 'any',
    answer: 'any',
    source: 'text',
    target: 'text',
    targets: 'texts',
    image: 'file',
  }

/** @throws UsageError for a source that makes no sense */
export function checkDataSource(operation: string, source: DataSource): void {
  checkNames(operation, source, dataSourceNames, 'a data source')
  const refuse = (expected: string, found: unknown, hint = 'correct the data source'): never => {
    throw new UsageError({ operation, expected, found: JSON.stringify(found) ?? 'nothing', hint })
  }
  const { path, fields, part, limit, columns } = source
  if (typeof path !== 'string' || path === '') refuse('the path of a file of data', path)
  formatOf(operation, source)
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1))
    refuse('limit to be a whole number from 1', limit)
  if (columns !== undefined && (columns.length === 0 || new Set(columns).size < columns.length))
    refuse('columns with names of their own', columns)
  for (const name of Object.keys(fields ?? {})) {
    if (Object.hasOwn(recordFields, name)) continue
    const close = nearest(name, Object.keys(recordFields))
    const hint = close === undefined ? 'correct the name' : `did you mean '${close}'?`
    refuse(`fields of a record: ${Object.keys(recordFields).join(', ')}`, name, hint)
  }
  if (part === undefined) return
  checkNames(operation, part, ['by', 'of', 'take'], 'part')
  if (typeof part.by !== 'string') refuse('part.by to be the name of a field', part.by)
  if (!(Number.isSafeInteger(part.of) && part.of >= 1)) refuse('part.of to be a whole number from 1', part.of)
  const fits = (number: number): boolean => Number.isSafeInteger(number) && number >= 0 && number < part.of
  if (!Array.isArray(part.take) || part.take.length === 0 || !part.take.every(fits))
    refuse(`part.take to be a list of numbers from 0 to ${part.of - 1}`, part.take)
}

/** The format of a source: what it says, or its file's name. @throws UsageError where neither says one */
export function formatOf(operation: string, { path, format }: DataSource): DataFormat {
  if (format !== undefined) {
    if (dataFormats.includes(format)) return format
    const close = nearest(String(format), dataFormats)
    throw new UsageError({
      operation,
      expected: `a format of ${dataFormats.join(', ')}`,
      found: `'${String(format)}'`,
      hint: close === undefined ? 'take one of these' : `did you mean '${close}'?`,
    })
  }
  const name = path.replace(/\.gz$/i, '').toLowerCase()
  if (name.endsWith('.csv')) return 'csv'
  if (name.endsWith('.tsv')) return 'tsv'
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl'
  return name.endsWith('.json') ? 'squad' : 'text'
}

/**
 * A path with the environment's variables in it (`$NAME` or `${NAME}`) put in.
 *
 * @throws UsageError for a variable that isn't set
 */
export function expandPath(
  operation: string,
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return path.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, plain?: string) => {
    const name = braced ?? plain!
    const value = environment[name]
    if (value !== undefined && value !== '') return value
    throw new UsageError({
      operation,
      expected: `the environment variable ${name}, which the path '${path}' begins with or has`,
      found: 'none',
      hint: `set it: ${name}=… in front of the command`,
    })
  })
}

/** Which part a text belongs to: FNV-1a over its UTF-16 code units, mixed as in MurmurHash3, modulo `of`. */
export function partOf(text: string, of: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % of
}
