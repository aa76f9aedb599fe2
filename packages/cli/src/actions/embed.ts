import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { loadSentenceEncoder, type SentenceEncoder, type SentenceOptions } from 'heed'
import type { Context } from '../context.js'
import { jsonLine, openVectorFile, type VectorFile } from '../embed/vector-file.js'
import { UsageError } from '../errors.js'
import { checkApart, checkPage } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import type { WeightChoice } from '../options.js'
import { ProgressLine } from '../progress-line.js'
import { modelFilesOf, stampsOf } from '../stamps.js'
import { escaped } from '../terminal.js'
import { fileSource, pipeSource, textsOf, type Source } from '../tokenize/texts.js'

export interface EmbedCommandOptions {
  readonly model: string
  readonly text?: readonly string[]
  readonly output?: string
  readonly prompt?: string
  readonly promptName?: string
  readonly dimensions?: number
  readonly normalize?: boolean
  readonly weights: Exclude<WeightChoice, 'stored'>
}

/** Texts that are encoded between two looks at Ctrl-C, and written together. */
const together = 256

/** Turns texts into vectors. */
export async function embed(
  files: readonly string[],
  options: EmbedCommandOptions,
  context: Context,
): Promise<void> {
  const { output: path, text } = options
  if (files.length > 0 === (text !== undefined))
    throw new UsageError('embed: expected files of texts, or --text, one of the two')
  if (path !== undefined && !/\.(jsonl|ndjson|npy)$/.test(path))
    throw new UsageError(`embed: expected --output to end in .jsonl or .npy, found '${path}'`)
  if (path !== undefined) {
    await checkPage(path, '--output', 'vectors')
    for (const file of files) await checkApart(file, path)
  }
  const encoder = await loadSentenceEncoder(resolve(options.model), { weights: options.weights })
  const interruption = listenForInterruption()
  try {
    if (path === undefined) await toOutput(encoder, files, options, interruption.signal, context)
    else await toFile(encoder, files, path, options, interruption.signal, context)
    if (interruption.signal.aborted)
      throw new Error(
        `embed: stopped before the end${path === undefined ? '' : '; the same command goes on from here'}`,
      )
  } finally {
    interruption.end()
  }
}

async function toOutput(
  encoder: SentenceEncoder,
  files: readonly string[],
  options: EmbedCommandOptions,
  signal: AbortSignal,
  { rawOutput }: Context,
): Promise<void> {
  for await (const { texts } of chunksOf(files, options, signal)) {
    const vectors = encoder.encode(texts, asked(options))
    rawOutput.write(texts.map((text, i) => `${jsonLine(text, vectors[i]!)}\n`).join(''))
  }
}

async function toFile(
  encoder: SentenceEncoder,
  files: readonly string[],
  path: string,
  options: EmbedCommandOptions,
  signal: AbortSignal,
  { errorOutput, environment }: Context,
): Promise<void> {
  const width = Math.min(encoder.width, options.dimensions ?? Infinity)
  const model = await modelFilesOf(resolve(options.model))
  const key = { ...options, model: await stampsOf(model), files: await stampsOf(files) }
  const target = await openVectorFile(path, width, JSON.stringify(key))
  const size = (await Promise.all(files.map(sizeOf))).reduce((sum, one) => sum + one, 0)
  const progress = new ProgressLine(errorOutput, environment)
  try {
    if (target.rows > 0)
      errorOutput.write(`goes on after ${target.rows} texts that ${escaped(path)} has already\n`)
    await append(encoder, target, chunksOf(files, options, signal, target.rows), options, (bytes) => {
      if (size > 0) progress.update('texts', bytes, size, 'bytes')
    })
    progress.end()
    if (signal.aborted) return
    await target.finish()
    errorOutput.write(`wrote ${escaped(path)}: ${target.rows} vectors of ${width} numbers\n`)
  } finally {
    progress.end()
    await target.close()
  }
}

async function append(
  encoder: SentenceEncoder,
  target: VectorFile,
  chunks: AsyncIterable<Chunk>,
  options: EmbedCommandOptions,
  onBytes: (bytes: number) => void,
): Promise<void> {
  for await (const { texts, bytes } of chunks) {
    const vectors = encoder.encode(texts, asked(options))
    await target.append(texts, vectors)
    onBytes(bytes)
  }
}

function asked({ prompt, promptName, dimensions, normalize }: EmbedCommandOptions): SentenceOptions {
  const given = { prompt, promptName, dimensions, normalize }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

interface Chunk {
  readonly texts: readonly string[]
  /** How many bytes of all files have been read by then. */
  readonly bytes: number
}

/** The texts in their order, some at a time, after the first `skipped`. */
async function* chunksOf(
  files: readonly string[],
  { text }: EmbedCommandOptions,
  signal: AbortSignal,
  skipped = 0,
): AsyncGenerator<Chunk> {
  let texts: string[] = []
  let [seen, before, bytes] = [0, 0, 0]
  const take = function* (one: string): Generator<Chunk> {
    if (seen++ < skipped) return
    texts.push(one)
    if (texts.length < together) return
    yield { texts, bytes: before + bytes }
    texts = []
  }
  for (const one of text ?? []) yield* take(one)
  for (const path of files) {
    // Opened when it is its turn: an error of one that nobody reads yet would end the process.
    for await (const read of textsOf(sourceOf(path, signal))) {
      if (signal.aborted) return
      bytes = read.bytes
      yield* take(read.text)
    }
    if (signal.aborted) return
    before += bytes
    bytes = 0
  }
  if (texts.length > 0) yield { texts, bytes: before }
}

function sourceOf(path: string, signal: AbortSignal): Source {
  return path === '-' ? pipeSource(signal) : fileSource(path, signal)
}

async function sizeOf(path: string): Promise<number> {
  const found = path === '-' ? undefined : await stat(path).catch(() => undefined)
  return found?.isFile() === true ? found.size : 0
}
