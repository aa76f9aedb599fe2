import type { FormatError } from '../../base/index.js'
import { longestText, type Reading, type TextPiece, wrongText } from './lines.js'

/** How a table is written. */
export interface TableForm {
  /** What stands between cells: `,` or a tab. */
  readonly separator: string
  /**
   * Whether a cell that begins with a quotation mark ends with the next one that stands alone (RFC 4180).
   * Without, quotation marks are characters as others are.
   */
  readonly quotes: boolean
}

/** A row's cells, and the line that it begins on, from 1. */
export interface TableRow {
  readonly cells: readonly string[]
  readonly line: number
}

const [begin, plain, quoted, afterQuote] = [0, 1, 2, 3]

/** The most cells of a row. */
const mostCells = 2 ** 14

/**
 * The rows of a table of comma- or tab-separated values (RFC 4180): cells in quotation marks may hold
 * separators, line breaks and doubled quotation marks. Rows end with `\n` or `\r\n`; empty lines are left
 * out.
 *
 * @throws FormatError naming the line where a quotation mark isn't closed or something follows the closing
 * one, and for cells or rows that are too long
 */
export async function* tableRows(
  pieces: AsyncIterable<TextPiece>,
  form: TableForm,
  reading: Reading,
): AsyncGenerator<TableRow> {
  const scanner = new TableScanner(form, reading)
  for await (const { text } of pieces) yield* scanner.scan(text)
  yield* scanner.end()
}

class TableScanner {
  readonly #separator: number
  readonly #quotes: boolean
  readonly #reading: Reading
  #state = begin
  /** Of the cell that is being read, what came with earlier pieces, and before doubled marks. */
  #held = ''
  #cells: string[] = []
  #line = 1
  /** Where the row and the quoted cell began. */
  #rowLine = 1
  #quoteLine = 1

  constructor({ separator, quotes }: TableForm, reading: Reading) {
    this.#separator = separator.charCodeAt(0)
    this.#quotes = quotes
    this.#reading = reading
  }

  *scan(text: string): Generator<TableRow> {
    let start = 0
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (this.#state === quoted) {
        if (unit === 0x0a) this.#line++
        if (unit !== 0x22) continue
        this.#hold(text.slice(start, i))
        this.#state = afterQuote
      } else if (unit === 0x22 && this.#quotes && this.#state !== plain) {
        if (this.#state === afterQuote) this.#hold('"')
        else this.#quoteLine = this.#line
        this.#state = quoted
        start = i + 1
      } else if (unit === this.#separator || unit === 0x0a) {
        if (this.#state !== afterQuote) this.#hold(text.slice(start, i))
        start = i + 1
        this.#endCell(unit === 0x0a)
        if (unit !== 0x0a) continue
        this.#line++
        const row = this.#endRow()
        if (row !== undefined) yield row
      } else if (this.#state === begin) {
        this.#state = plain
      } else if (this.#state === afterQuote && unit !== 0x0d)
        throw this.#wrong(
          `a separator or the end of the line behind a closing quotation mark on line ${this.#line}`,
          JSON.stringify(text.slice(i, i + 20)),
        )
    }
    if (this.#state !== afterQuote) this.#hold(text.slice(start))
  }

  *end(): Generator<TableRow> {
    if (this.#state === quoted)
      throw this.#wrong(`the quotation mark of line ${this.#quoteLine} to be closed`, 'the end of the file')
    if (this.#state === begin && this.#cells.length === 0) return
    this.#endCell(true)
    const row = this.#endRow()
    if (row !== undefined) yield row
  }

  #hold(part: string): void {
    this.#held += part
    if (this.#held.length > longestText)
      throw this.#wrong(
        `cells of at most ${longestText} code units`,
        `a longer one, or a quotation mark that isn't closed, from line ${this.#rowLine} on`,
      )
  }

  #endCell(isLast: boolean): void {
    const cell = this.#held
    const endsLine = isLast && this.#state !== afterQuote && cell.endsWith('\r')
    this.#cells.push(endsLine ? cell.slice(0, -1) : cell)
    if (this.#cells.length > mostCells) throw this.#wrong(`at most ${mostCells} cells in a row`, 'more')
    this.#held = ''
    this.#state = begin
  }

  #endRow(): TableRow | undefined {
    const row = { cells: this.#cells, line: this.#rowLine }
    this.#cells = []
    this.#rowLine = this.#line
    return row.cells.length === 1 && row.cells[0] === '' ? undefined : row
  }

  #wrong(expected: string, found: string): FormatError {
    return wrongText(this.#reading, `${expected} of '${this.#reading.name}'`, found)
  }
}
