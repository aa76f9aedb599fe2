import { stat } from 'node:fs/promises'
import type { Context } from '../context.js'
import { drained } from '../drained.js'
import { UsageError } from '../errors.js'
import { listenForInterruption } from '../interruption.js'
import { ProgressLine } from '../progress-line.js'
import { styled } from '../terminal.js'
import { decodeIds } from '../tokenize/decode.js'
import { Comparison } from '../tokenize/comparison.js'
import { EncodedText, type EncodeText } from '../tokenize/encoded-text.js'
import { Count } from '../tokenize/count.js'
import { fileSource, pipeSource, textsOf, wholeText, type ReadText, type Source } from '../tokenize/texts.js'
import type { TextWork } from '../tokenize/text-work.js'
import { openTokenizer } from '../tokenizer.js'

export interface TokenizeOptions {
  readonly tokenizer?: string
  readonly file?: readonly string[]
  readonly whole?: boolean
  readonly pair?: string
  readonly specials: 'allow' | 'text'
  readonly special: boolean
  readonly decode?: boolean
  readonly ids?: boolean
  readonly json?: boolean
  readonly table?: boolean
  readonly compare?: readonly string[]
}

/** Shows how a tokenizer cuts texts. */
export async function tokenize(
  given: readonly string[],
  options: TokenizeOptions,
  context: Context,
): Promise<void> {
  const texts = [...given]
  check(options)
  const work = await workOf(texts, options, context)
  const { output, rawOutput, errorOutput, environment } = context
  const isLines = options.ids === true || options.json === true || options.decode === true
  const progress = rawOutput.isTTY === true ? undefined : new ProgressLine(errorOutput, environment)
  const interruption = listenForInterruption()
  const { signal } = interruption
  // What was made safe already, or is the result as it is, isn't looked at once more.
  const target = isLines ? rawOutput : output
  const print = async (text: string): Promise<void> => {
    if (text === '') return
    target.write(text)
    await drained(rawOutput)
  }
  try {
    for (const text of texts) await print(work.show(text, true))
    for (const source of sourcesOf(texts, options, signal)) {
      const size = await sizeOf(source)
      for await (const { text, bytes } of readTexts(source, options)) {
        if (signal.aborted) break
        await print(work.show(text, false))
        if (size > 0) progress?.update(source.name, bytes, size, 'bytes')
      }
      if (signal.aborted) break
    }
  } finally {
    progress?.end()
    interruption.end()
  }
  const said = work.summary()
  if (said !== '') output.write(said)
  if (signal.aborted)
    errorOutput.write(`${styled(errorOutput, 'dim', 'stopped before the end', environment)}\n`)
}

function check({ decode, compare, pair, ids, json }: TokenizeOptions): void {
  const refuse = (one: string, other: string): never => {
    throw new UsageError(`tokenize: ${one} and ${other} don't go together`)
  }
  if (decode && compare) refuse('--decode', '--compare')
  if (decode && pair !== undefined) refuse('--decode', '--pair')
  if (compare && pair !== undefined) refuse('--compare', '--pair')
  if (compare && ids) refuse('--compare', '--ids')
  if (ids && json) refuse('--ids', '--json')
}

/** Takes what `--compare` has beyond two names as texts. */
async function workOf(texts: string[], options: TokenizeOptions, context: Context): Promise<TextWork> {
  const { compare, decode } = options
  const encodeOptions = { specials: options.specials, addSpecial: options.special }
  if (compare !== undefined) {
    const names = compare.length === 1 ? [options.tokenizer, compare[0]] : compare.slice(0, 2)
    texts.unshift(...compare.slice(2))
    const [first, second] = await Promise.all(names.map((name) => openTokenizer(name)))
    return new Comparison(first!, second!, encodeOptions, options.json === true, context)
  }
  const { tokenizer } = await openTokenizer(options.tokenizer)
  if (decode) return decodeIds(texts, tokenizer, options, context)
  const encode: EncodeText = (text) => new EncodedText(tokenizer, text, options.pair, encodeOptions)
  return encodeWork(encode, options, context)
}

function encodeWork(
  encode: EncodeText,
  options: TokenizeOptions,
  { output, environment, errorOutput }: Context,
): TextWork {
  const count = new Count()
  return {
    show(text, isGiven) {
      const encoded = encode(text)
      count.add(encoded.texts, encoded.length)
      if (options.ids) return encoded.idLine()
      if (options.json) return encoded.jsonLine()
      const picture = encoded.picture(output, environment)
      const isTable = isGiven || options.table === true
      return isTable ? `${picture}\n${encoded.table(output, environment)}\n` : picture
    },
    summary() {
      const said = count.toString()
      if (!options.ids && !options.json) return `${styled(output, 'dim', said, environment)}\n`
      if (errorOutput.isTTY && count.texts > 1)
        errorOutput.write(`${styled(errorOutput, 'dim', said, environment)}\n`)
      return ''
    },
  }
}

function* sourcesOf(
  texts: readonly string[],
  { file }: TokenizeOptions,
  signal: AbortSignal,
): Generator<Source> {
  for (const path of file ?? []) yield path === '-' ? pipeSource(signal) : fileSource(path, signal)
  if (file !== undefined || texts.length > 0) return
  if (process.stdin.isTTY)
    throw new UsageError('tokenize: expected a text, --file or a pipe, found none; see heed tokenize --help')
  yield pipeSource(signal)
}

async function* readTexts(source: Source, { whole, decode }: TokenizeOptions): AsyncGenerator<ReadText> {
  if (whole && !decode) yield await wholeText(source)
  else yield* textsOf(source)
}

async function sizeOf({ name }: Source): Promise<number> {
  return stat(name).then(
    (found) => (found.isFile() ? found.size : 0),
    () => 0,
  )
}
