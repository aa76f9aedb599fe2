import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { FormatError } from 'heed'
import { linesFile, textMember } from '../text-member.js'

/** A text of what is read, and how many bytes of its file have been read by then. */
export interface ReadText {
  readonly text: string
  readonly bytes: number
}

/** A file or a pipe: its bytes as they come, and its name for errors. */
export interface Source {
  readonly name: string
  readonly chunks: Readable
  /** Ends it where it stands. */
  readonly signal: AbortSignal
}

/** UTF-16 code units of a text at most. */
export const longestText: number = 2 ** 24

export function fileSource(path: string, signal: AbortSignal): Source {
  return { name: path, chunks: createReadStream(path), signal }
}

export function pipeSource(signal: AbortSignal): Source {
  return { name: 'the standard input', chunks: process.stdin, signal }
}

/**
 * The lines of a source, one after the other, without their ends (`\n` or `\r\n`). No more is held than the
 * longest line and what comes with one reading. Where the source is stopped, its last line may be a part.
 *
 * @throws {FormatError} for what can't be read, is no UTF-8, or has a line of more than 2^24 code units
 */
export async function* linesOf(source: Source): AsyncGenerator<ReadText> {
  const { name } = source
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let held: string[] = []
  let heldLength = 0
  let bytes = 0
  const decoded = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (cause) {
      throw refusal(name, `text in UTF-8 in '${name}'`, 'something else', cause)
    }
  }
  const hold = (part: string): void => {
    heldLength += part.length
    if (heldLength > longestText)
      throw refusal(name, `lines of at most ${longestText} code units in '${name}'`, 'a longer one')
    held.push(part)
  }
  const taken = (): ReadText => {
    const line = held.join('')
    held = []
    heldLength = 0
    return { text: line.endsWith('\r') ? line.slice(0, -1) : line, bytes }
  }
  for await (const chunk of readable(source)) {
    bytes += chunk.length
    const text = decoded(chunk)
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      hold(text.slice(start, end))
      yield taken()
      start = end + 1
    }
    if (start < text.length) hold(text.slice(start))
  }
  hold(decoded())
  if (heldLength > 0) yield taken()
}

/** The texts of a source: its lines, or of a `.jsonl` or `.ndjson` file the `text` of each. */
export async function* textsOf(source: Source): AsyncGenerator<ReadText> {
  const { name } = source
  if (!linesFile.test(name)) {
    yield* linesOf(source)
    return
  }
  let number = 0
  for await (const line of linesOf(source)) {
    number++
    if (line.text.trim() === '') continue
    const text = textMember(line.text)
    if (text === undefined)
      throw refusal(
        name,
        `{"text": "…"} as JSON on line ${number} of '${name}'`,
        JSON.stringify(line.text.slice(0, 60)),
      )
    yield { ...line, text }
  }
}

/** A source as one text. */
export async function wholeText(source: Source): Promise<ReadText> {
  const { name } = source
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parts: string[] = []
  let bytes = 0
  let length = 0
  try {
    for await (const chunk of readable(source)) {
      bytes += chunk.length
      parts.push(decoder.decode(chunk, { stream: true }))
      length += parts.at(-1)!.length
      if (length > longestText)
        throw refusal(name, `one text of at most ${longestText} code units`, `a longer one in '${name}'`)
    }
    parts.push(decoder.decode())
  } catch (cause) {
    if (cause instanceof FormatError) throw cause
    throw refusal(name, `text in UTF-8 in '${name}'`, 'something else', cause)
  }
  return { text: parts.join(''), bytes }
}

async function* readable({ name, chunks, signal }: Source): AsyncGenerator<Uint8Array> {
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
        const found = cause instanceof Error ? cause.message : String(cause)
        throw refusal(name, 'a file that can be read', found, cause)
      }
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    await iterator.return?.()
  }
}

function refusal(file: string, expected: string, found: string, cause?: unknown): FormatError {
  const hint = 'correct the file, or its path'
  return new FormatError({ operation: 'read texts', expected, found, hint, file, cause })
}
