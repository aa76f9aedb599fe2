import { readdir, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative } from 'node:path'
import {
  FormatError,
  foundAt,
  HeedError,
  readJson,
  type JsonErrorDetail,
  type JsonValue,
} from 'heed/internals'
import { linesFile } from '../text-member.js'
import { fileSource, linesOf, pipeSource, wholeText, type Source } from '../tokenize/texts.js'
import { isRequest, requestOf, type BatchRequest } from './batch-request.js'
import { fieldsOf, type Fields, type TaskOptions } from './fields.js'
import type { TaskEntry } from './task-list.js'

/** Where an input stands. */
export interface Place {
  readonly file?: string
  /** Counted from 1. */
  readonly line?: number
  /** What the line of JSON says of itself. */
  readonly id?: string | number
}

/** What a line, a file or an argument asks for. */
export interface Item {
  readonly place: Place
  /** One, or those of a request for several, or why there is none. */
  readonly inputs: readonly Fields[] | HeedError
  /** What this item says beside the command's options. */
  readonly options: TaskOptions
  /** The request of a batch file that it came as. */
  readonly request?: BatchRequest
  /** What tells the picture from others that stand at its path. */
  readonly stamp?: unknown
  /** How many bytes of all files have been read by then. */
  readonly bytes: number
}

/** What is read, and how. */
export interface InputChoice {
  /** A file, a folder, or `-`. */
  readonly path: string
  /** What of a file is one text. Default: a line, or what the task says; of a folder, a file. */
  readonly each?: 'line' | 'file' | undefined
  /** Whether lines are JSON, whatever the file's name. */
  readonly jsonLines?: boolean | undefined
}

function refuse(expected: string, found: string, hint: string, file?: string): never {
  throw new FormatError({ operation: 'run', expected, found, hint, file })
}

/**
 * The inputs of a task that a file, a folder or a pipe has, in their order. Lines of JSON give all inputs.
 * Texts give the one that the task reads, and `given` the others; where that one is a list, all texts
 * together. What is no input is an item with its error.
 *
 * @throws {FormatError} where nothing can be read, or a folder has no files
 */
export async function* itemsIn(
  task: TaskEntry,
  choice: InputChoice,
  given: Fields,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const { files, isFolder } = await filesAt(choice.path)
  if (task.fields.some((field) => field.name === task.read && field.isPicture === true)) {
    yield* pictureItems(task, choice, files, isFolder ? choice.path : undefined, given, signal)
    return
  }
  const isJson = (file: string): boolean => choice.jsonLines ?? linesFile.test(file)
  const each = choice.each ?? (isFolder ? 'file' : task.each)
  const { name, isList } = task.fields.find((field) => field.name === task.read)!
  const gathered: string[] = []
  let before = 0
  for (const file of files) {
    const named: Place = isFolder ? { file: relative(choice.path, file) } : {}
    let read = 0
    try {
      for await (const { text, bytes, line } of textsOf(
        sourceOf(file, signal),
        isJson(file) ? 'line' : each,
      )) {
        if (signal.aborted) return
        read = bytes
        const place = { ...named, ...(line !== undefined && { line }) }
        if (isJson(file)) yield { ...itemOf(task, text, place, given), bytes: before + bytes }
        else if (isList === true) gathered.push(text)
        else yield { place, inputs: [{ ...given, [name]: text }], options: {}, bytes: before + bytes }
      }
    } catch (error) {
      // A file of a folder that is no text keeps nobody from the others.
      if (!isFolder || !(error instanceof FormatError)) throw error
      yield { place: named, inputs: error, options: {}, bytes: before + read }
    }
    before += read
  }
  if (isList === true && !files.some(isJson)) {
    if (gathered.length === 0)
      refuse(`texts in '${choice.path}'`, 'none', 'give a file with a text on each line', choice.path)
    yield { place: {}, inputs: [{ ...given, [name]: gathered }], options: {}, bytes: before }
  }
}

/** What pictures' files are called. Of a folder the others are passed over. */
const pictureFile = /\.(avif|bmp|gif|heic|jpe?g|png|svg|tiff?|webp)$/i

/**
 * The pictures that are named: a file is one, unless it has lines of JSON; in a pipe each line is a path. A
 * path in JSON is relative to its file.
 */
async function* pictureItems(
  task: TaskEntry,
  { path, jsonLines }: InputChoice,
  files: readonly string[],
  folder: string | undefined,
  given: Fields,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const { read } = task
  const chosen = folder === undefined ? files : files.filter((file) => pictureFile.test(file))
  if (chosen.length === 0) refuse(`pictures in '${path}'`, 'none', 'name a folder with pictures', path)
  let before = 0
  for (const file of chosen) {
    if (signal.aborted) return
    const isJson = jsonLines ?? linesFile.test(file)
    if (file !== '-' && !isJson) {
      const { size, mtimeMs } = await stat(file)
      before += size
      const place = folder === undefined ? {} : { file: relative(folder, file) }
      yield {
        place,
        inputs: [{ ...given, [read]: file }],
        options: {},
        bytes: before,
        stamp: [size, mtimeMs],
      }
      continue
    }
    const beside = file === '-' ? '.' : dirname(file)
    let last = before
    for await (const { text, bytes, line } of textsOf(sourceOf(file, signal), 'line')) {
      if (signal.aborted) return
      last = before + bytes
      const place = line === undefined ? {} : { line }
      const item = isJson
        ? itemOf(task, text, place, given)
        : { place, inputs: [{ ...given, [read]: text.trim() }], options: {} }
      yield { ...(await besideFile(item, read, beside)), bytes: last }
    }
    before = last
  }
}

/** The same item with the path of its picture as it is found from here, and what is there. */
async function besideFile(
  item: Omit<Item, 'bytes'>,
  name: string,
  folder: string,
): Promise<Omit<Item, 'bytes'>> {
  if (item.inputs instanceof Error) return item
  const found = (path: string): string => (isAbsolute(path) ? path : join(folder, path))
  const inputs = item.inputs.map((fields) => ({ ...fields, [name]: found(String(fields[name])) }))
  const stamps = await Promise.all(inputs.map((fields) => stat(String(fields[name])).catch(() => undefined)))
  return { ...item, inputs, stamp: stamps.map((one) => one && [one.size, one.mtimeMs]) }
}

/** The bytes of all files; 0 of a pipe. */
export async function sizeAt(path: string): Promise<number> {
  if (path === '-') return 0
  const { files } = await filesAt(path)
  const found = await Promise.all(files.map((file) => stat(file)))
  return found.reduce((sum, one) => sum + (one.isFile() ? one.size : 0), 0)
}

async function filesAt(
  path: string,
): Promise<{ readonly files: readonly string[]; readonly isFolder: boolean }> {
  if (path === '-') return { files: ['-'], isFolder: false }
  const found = await stat(path).catch((cause: unknown) =>
    refuse('a file or a folder', foundAt(path, cause), 'correct the path', path),
  )
  if (!found.isDirectory()) return { files: [path], isFolder: false }
  const entries = await readdir(path, { withFileTypes: true, recursive: true })
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  if (files.length === 0) refuse(`files in '${path}'`, 'none', 'name a folder with files of text', path)
  return { files, isFolder: true }
}

const sourceOf = (path: string, signal: AbortSignal): Source =>
  path === '-' ? pipeSource(signal) : fileSource(path, signal)

interface NumberedText {
  readonly text: string
  readonly bytes: number
  readonly line?: number
}

async function* textsOf(source: Source, each: 'line' | 'file'): AsyncGenerator<NumberedText> {
  if (each === 'file') {
    yield await wholeText(source)
    return
  }
  let line = 0
  for await (const read of linesOf(source)) {
    line++
    if (read.text.trim() !== '') yield { ...read, line }
  }
}

/**
 * An input of a task from a line of JSON: a request of a batch file, the inputs by their names, or a text.
 */
export function itemOf(task: TaskEntry, line: string, place: Place, given: Fields): Omit<Item, 'bytes'> {
  let where = place
  try {
    const value = readJson(line, { operation: 'run', error: lineError })
    if (isRequest(value)) return { place, ...requestOf(task, value) }
    where = { ...place, ...idOf(value) }
    return { place: where, inputs: [fieldsOf(task, value, given)], options: {} }
  } catch (error) {
    if (!(error instanceof HeedError)) throw error
    return { place: where, inputs: error, options: {} }
  }
}

/** What JSON says of itself, if anything. */
function idOf(value: JsonValue): { readonly id?: string | number } {
  const id = value.value instanceof Map ? value.member('id').value : undefined
  return typeof id === 'string' || typeof id === 'number' ? { id } : {}
}

/** Of one line there is no need to say that it is the first. */
function lineError({ operation, expected, found, hint }: JsonErrorDetail): FormatError {
  const place = found.replace(/ at 1:(\d+)$/, ', column $1')
  return new FormatError({ operation, expected, found: place, hint })
}
