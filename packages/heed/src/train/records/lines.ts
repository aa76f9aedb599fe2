import { FormatError } from '../../base/index.js'

/** UTF-16 code units of a line, or of a cell of a table, at most. */
export const longestText: number = 2 ** 24

/** A piece of a file's text, and how many of its bytes have been read by then. */
export interface TextPiece {
  readonly text: string
  readonly bytes: number
}

/** A line without its end. */
export interface TextLine extends TextPiece {
  /** From 1. */
  readonly number: number
}

/** Who reads what, for errors. */
export interface Reading {
  readonly operation: string
  /** A path, or another name. */
  readonly name: string
}

/**
 * Bytes of UTF-8 as text, piece by piece as they come. A byte order mark at the beginning is left out.
 *
 * @throws FormatError for what is no UTF-8
 */
export async function* decodedText(
  chunks: AsyncIterable<Uint8Array>,
  reading: Reading,
): AsyncGenerator<TextPiece> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let bytes = 0
  const decoded = (chunk?: Uint8Array): TextPiece => {
    try {
      return { text: chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true }), bytes }
    } catch (cause) {
      throw wrongText(reading, `text in UTF-8 in '${reading.name}'`, 'something else', cause)
    }
  }
  for await (const chunk of chunks) {
    bytes += chunk.length
    yield decoded(chunk)
  }
  yield decoded()
}

/**
 * The lines of a text, without their ends (`\n` or `\r\n`). No more is held than the longest line and one
 * piece.
 *
 * @throws FormatError for a line of more than 2^24 code units
 */
export async function* textLines(
  pieces: AsyncIterable<TextPiece>,
  reading: Reading,
  longest: number = longestText,
): AsyncGenerator<TextLine> {
  let held: string[] = []
  let heldLength = 0
  let read = 0
  let number = 0
  const hold = (part: string): void => {
    heldLength += part.length
    if (heldLength > longest)
      throw wrongText(reading, `lines of at most ${longest} code units in '${reading.name}'`, 'a longer one')
    held.push(part)
  }
  const taken = (): TextLine => {
    const line = held.length === 1 ? held[0]! : held.join('')
    held = []
    heldLength = 0
    return { text: line.endsWith('\r') ? line.slice(0, -1) : line, bytes: read, number: ++number }
  }
  for await (const { text, bytes } of pieces) {
    read = bytes
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      hold(text.slice(start, end))
      yield taken()
      start = end + 1
    }
    if (start < text.length) hold(text.slice(start))
  }
  if (heldLength > 0) yield taken()
}

/** An error about what stands in a file. */
export function wrongText(
  { operation, name }: Reading,
  expected: string,
  found: string,
  cause?: unknown,
): FormatError {
  return new FormatError({
    operation,
    expected,
    found,
    hint: 'correct the file, or its path',
    file: name,
    ...(cause !== undefined && { cause }),
  })
}
