import { resolve } from 'node:path'
import { statSync } from 'node:fs'
import { convertCheckpoint, StateError, type ConvertedType } from 'heed'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { bytesText } from '../format.js'
import { listenForInterruption } from '../interruption.js'
import { ProgressLine } from '../progress-line.js'
import { escaped } from '../terminal.js'

export interface ConvertCommandOptions {
  readonly type?: ConvertedType
  readonly adapter?: string
}

/** Writes a checkpoint in another format. */
export async function convert(
  from: string,
  to: string,
  { type, adapter }: ConvertCommandOptions,
  { errorOutput, environment }: Context,
): Promise<void> {
  const interruption = listenForInterruption()
  const { signal } = interruption
  const progress = new ProgressLine(errorOutput, environment)
  try {
    const written = await convertCheckpoint(resolve(from), resolve(to), {
      type,
      signal,
      adapter: adapter === undefined ? undefined : resolve(adapter),
      onTensor: (done, total) => progress.update('converting', done, total, 'tensors'),
    })
    progress.end()
    for (const path of written)
      errorOutput.write(`wrote ${escaped(path)} (${bytesText(statSync(path).size)})\n`)
  } catch (error) {
    progress.end()
    if (!(error instanceof StateError && signal.aborted)) throw error
    throw new Error('convert: stopped before the end; nothing was written', { cause: error })
  } finally {
    interruption.end()
  }
}

/** Writes a checkpoint as GGUF in fewer bits. */
export async function quantize(
  from: string,
  to: string,
  options: ConvertCommandOptions,
  context: Context,
): Promise<void> {
  if (!/\.gguf$/i.test(to))
    throw new UsageError(`quantize: expected a file that ends in .gguf, found '${to}'`)
  await convert(from, to, options, context)
}
