/**
 * Questions about texts, as SQuAD has them (Rajpurkar et al. 2016 and 2018): the official file, an article a
 * line, or a question a line.
 */
import {
  FormatError,
  type JsonErrorDetail,
  type JsonOptions,
  JsonReader,
  type JsonValue,
  readJson,
} from '../../base/index.js'
import { likeliestPlace } from './answer-place.js'
import { type Reading, type TextPiece, textLines } from './lines.js'

/** A record as it stands in a file, and the line that it begins on, from 1. */
export interface StoredRecord {
  readonly fields: Readonly<Record<string, unknown>>
  readonly line: number
}

/** An answer, and where it begins in the context, in UTF-16 code units. */
export interface Answer {
  readonly text: string
  readonly start: number
}

/** Bytes of a file that is one JSON text, or of an article on a line, at most. */
const longestJson = 2 ** 28
const mostValues = 2 ** 24

/**
 * The questions of a file: `{ id, title, context, question, answers: [{ text, start }], impossible }`.
 *
 * A `.jsonl` or `.ndjson` file has an article a line, `{ title, paragraphs: [{ context, qas }] }`, or a
 * question a line, `{ context, question, answers }`. Any other is the official file, `{ data: [articles] }`.
 * The official files count where an answer begins in characters. Where nothing is said, it is the place in
 * the context with the answer's text that has most of the question's words near it.
 *
 * @throws FormatError naming the place of what is not as it should be, and of an answer that the context
 * doesn't have
 */
export async function* squadRecords(
  pieces: AsyncIterable<TextPiece>,
  reading: Reading,
): AsyncGenerator<StoredRecord> {
  const { operation, name: file } = reading
  const sizes = { length: longestJson, values: mostValues }
  if (!/\.(jsonl|ndjson)(\.gz)?$/i.test(file)) {
    yield* officialRecords(new JsonReader(await wholeText(pieces, reading), { operation, file, ...sizes }))
    return
  }
  let articles = 0
  for await (const { text, number } of textLines(pieces, reading, longestJson)) {
    if (text.trim() === '') continue
    const value = readJson(text, lineOptions(reading, number, sizes))
    const rows = isThere(value, 'question') ? [rowOf(value, number)] : articleRows(value, articles++)
    for (const fields of rows) yield { fields, line: number }
  }
}

/** Errors of a line's JSON say which line it is. */
export function lineOptions(
  { operation, name: file }: Reading,
  line: number,
  sizes: Pick<JsonOptions, 'length' | 'values'>,
): JsonOptions {
  const error = (detail: JsonErrorDetail): FormatError => new FormatError({ ...detail, file })
  return { operation, file: `${file}, line ${line}`, error, ...sizes }
}

async function wholeText(pieces: AsyncIterable<TextPiece>, reading: Reading): Promise<string> {
  const lines: string[] = []
  for await (const { text } of textLines(pieces, reading, longestJson)) lines.push(text)
  return lines.join('\n')
}

function* officialRecords(reader: JsonReader): Generator<StoredRecord> {
  let articles = 0
  let found = false
  if (reader.enter('{'))
    do {
      const isData = reader.sees('"data"')
      reader.name(false)
      if (!isData) {
        reader.skip()
        continue
      }
      found = true
      if (!reader.enter('[')) continue
      do {
        const article = reader.value()
        for (const fields of articleRows(article, articles++)) yield { fields, line: lineOf(article) }
      } while (reader.next(']'))
    } while (reader.next('}'))
  if (!found) reader.refuse("a member 'data', the list of articles", { found: 'none' })
  reader.end()
}

function lineOf(value: JsonValue): number {
  return Number.parseInt(value.where, 10) || 1
}

function* articleRows(article: JsonValue, number: number): Generator<StoredRecord['fields']> {
  const title = isThere(article, 'title') ? article.member('title').string() : `article-${number}`
  let place = 0
  for (const paragraph of article.member('paragraphs').items()) {
    const context = paragraph.member('context').string()
    const index = place++
    let questions = 0
    for (const asked of paragraph.member('qas').items()) {
      const id = isThere(asked, 'id') ? asked.member('id').string() : `${title}/${index}/${questions}`
      questions++
      yield { title, ...questionOf(asked, id, context) }
    }
  }
}

function rowOf(row: JsonValue, line: number): StoredRecord['fields'] {
  const context = row.member('context').string()
  const title = isThere(row, 'title') ? { title: row.member('title').string() } : {}
  return {
    ...title,
    ...questionOf(row, isThere(row, 'id') ? row.member('id').string() : String(line), context),
  }
}

function questionOf(asked: JsonValue, id: string, context: string): StoredRecord['fields'] {
  const short = isThere(asked, 'q')
  const question = asked.member(short ? 'q' : 'question').string()
  const given = asked.member(short ? 'a' : 'answers')
  const said = asked.member('is_impossible')
  const answers = said.boolean(false) ? [] : answersOf(given, context, question)
  return { id, question, context, answers, ...(answers.length === 0 && { impossible: true }) }
}

/** `["…"]`, `[{ text, answer_start }]`, or `{ text: ["…"], answer_start: [0] }`. */
function answersOf(given: JsonValue, context: string, question: string): readonly Answer[] {
  if (given.value instanceof Map) {
    const starts = given.member('answer_start').items()
    return given
      .member('text')
      .items()
      .map((text, i) => answerOf(text, starts[i], context, question))
  }
  return given.items().map((answer) => {
    if (typeof answer.value === 'string') return answerOf(answer, undefined, context, question)
    return answerOf(answer.member('text'), answer.member('answer_start'), context, question)
  })
}

function answerOf(value: JsonValue, begin: JsonValue | undefined, context: string, question: string): Answer {
  const text = value.string()
  if (begin === undefined || begin.isNull) {
    const start = likeliestPlace(text, context, question)
    if (start < 0) value.refuse('a text that the context has', { found: shortened(text) })
    return { text, start }
  }
  const start = codeUnits(context, begin.count())
  if (!context.startsWith(text, start))
    begin.refuse(`where the context has ${shortened(text)}`, {
      found: shortened(context.slice(start, start + text.length)),
    })
  return { text, start }
}

/** Where a character stands, counted in UTF-16 code units. */
function codeUnits(text: string, characters: number): number {
  let at = 0
  for (let i = 0; i < characters && at < text.length; i++) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return at
}

function shortened(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text)
}

function isThere(value: JsonValue, name: string): boolean {
  return value.value instanceof Map && value.value.has(name)
}
