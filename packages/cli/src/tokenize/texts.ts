import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { FormatError } from 'heed'
import { decodedText, foundAt, longestText, textLines, type TextLine } from 'heed/internals'
import { linesFile, textMember } from '../text-member.js'

/** A text of what is read, and how many bytes of its file have been read by then. */
export interface ReadText {
  readonly text: string
  readonly bytes: number
}

/** A file or a pipe: its bytes as they come, and its name for errors. */
export interface Source {
  readonly name: string
  /** Opens it: an error of a file that nobody reads would end the process. */
  readonly open: () => Readable
  /** Ends it where it stands. */
  readonly signal: AbortSignal
}

export function fileSource(path: string, signal: AbortSignal): Source {
  return { name: path, open: () => createReadStream(path), signal }
}

export function pipeSource(signal: AbortSignal): Source {
  return { name: 'the standard input', open: () => process.stdin, signal }
}

/**
 * The lines of a source, one after the other, without their ends (`\n` or `\r\n`). No more is held than the
 * longest line and what comes with one reading. Where the source is stopped, its last line may be a part.
 *
 * @throws {FormatError} for what can't be read, is no UTF-8, or has a line of more than 2^24 code units
 */
export function linesOf(source: Source): AsyncGenerator<TextLine> {
  const reading = { operation, name: source.name }
  return textLines(decodedText(readable(source), reading), reading)
}

/** The texts of a source: its lines, or of a `.jsonl` or `.ndjson` file the `text` of each. */
export async function* textsOf(source: Source): AsyncGenerator<ReadText> {
  const { name } = source
  if (!linesFile.test(name)) {
    yield* linesOf(source)
    return
  }
  for await (const line of linesOf(source)) {
    if (line.text.trim() === '') continue
    const text = textMember(line.text)
    if (text === undefined)
      throw refusal(
        name,
        `{"text": "…"} as JSON on line ${line.number} of '${name}'`,
        JSON.stringify(line.text.slice(0, 60)),
      )
    yield { ...line, text }
  }
}

/** A source as one text. */
export async function wholeText(source: Source): Promise<ReadText> {
  const { name } = source
  const parts: string[] = []
  let read = 0
  let length = 0
  for await (const { text, bytes } of decodedText(readable(source), { operation, name })) {
    read = bytes
    parts.push(text)
    length += text.length
    if (length > longestText)
      throw refusal(name, `one text of at most ${longestText} code units`, `a longer one in '${name}'`)
  }
  return { text: parts.join(''), bytes: read }
}

async function* readable({ name, open, signal }: Source): AsyncGenerator<Uint8Array> {
  const chunks = open()
  const stop = (): void => void chunks.destroy()
  signal.addEventListener('abort', stop)
  const iterator = chunks[Symbol.asyncIterator]() as AsyncIterableIterator<Uint8Array>
  try {
    while (!signal.aborted) {
      let next: IteratorResult<Uint8Array>
      try {
        next = await iterator.next()
      } catch (cause) {
        if (signal.aborted) return
        throw refusal(name, 'a file that can be read', foundAt(name, cause), cause)
      }
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    await iterator.return?.()
  }
}

const operation = 'read texts'

function refusal(file: string, expected: string, found: string, cause?: unknown): FormatError {
  const hint = 'correct the file, or its path'
  return new FormatError({ operation, expected, found, hint, file, cause })
}
