import {
  parseGenerationConfig,
  streamPieces,
  UsageError,
  write,
  type Tokenizer,
  type Writable,
  type WriteOptions,
} from 'heed'
import { DecoderWriter, TargetWriter } from 'heed/internals'
import type { NamedModel } from './model.js'

/** A text that a model wrote on. */
export interface Continuation {
  readonly prompt: string
  /** The prompt's tokens, without the one that starts a text. */
  readonly promptIds: readonly number[]
  /** What follows the prompt. */
  readonly text: string
  readonly ids: readonly number[]
  /**
   * Why it ends: all tokens are there, the model ended the text, its context is full, or it was interrupted.
   */
  readonly end: 'tokens' | 'text' | 'context' | 'interrupted'
  readonly tokensPerSecond: number
}

/** What was asked for: what is left out is as the model's own `generation_config.json` has it. */
export type GenerateOptions = Pick<
  WriteOptions,
  'tokens' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'beams' | 'seed' | 'stopStrings'
>

/** A model, ready to write. */
export interface Writer {
  readonly tokenizer: Tokenizer
  /** The model for these prompts, and the ids that it goes on from. */
  begin(prompts: readonly string[]): {
    readonly model: Writable
    readonly ids: readonly (readonly number[])[]
  }
  /** A prompt's own ids. */
  idsOf(prompt: string): readonly number[]
  /** What the makers of the model say, and what ends a text. */
  readonly defaults: WriteOptions
}

/** What is taken where neither the user nor the model says something. */
const usual: WriteOptions = { tokens: 60, temperature: 0.8, topP: 0.9 }

/**
 * A model as something that writes.
 *
 * @throws {UsageError} for a model of a family that writes nothing
 */
export function writerOf(language: NamedModel): Writer {
  const { tokenizer, stored } = language
  const file = stored.json('generation_config.json')
  // Older checkpoints say it in config.json.
  const said = file ?? (stored.architecture && stored.config)
  const own = said === undefined ? { options: {} } : parseGenerationConfig(said)
  const defaults = (stop: readonly number[]): WriteOptions => ({
    ...usual,
    ...(file !== undefined && own.options),
    stop: own.options.stop ?? stop,
  })
  const idsOf = (prompt: string): number[] => [
    ...tokenizer.encode(prompt, { addSpecial: false, padding: null, truncation: null }).ids,
  ]
  if (language.family === 'decoder') {
    const writer = new DecoderWriter(language)
    const begin: Writer['begin'] = (prompts) => ({
      model: writer.writable,
      ids: prompts.map((prompt) => writer.idsOf('generate', prompt)),
    })
    return { tokenizer, defaults: defaults(writer.stop), idsOf, begin }
  }
  if (language.family === 'encoder-decoder') {
    const writer = new TargetWriter(language)
    const start = writer.startOf('generate', own)
    const begin: Writer['begin'] = (prompts) => ({
      model: writer.writableFor(prompts.map((prompt) => writer.sourceOf(prompt))),
      ids: prompts.map(() => [start]),
    })
    return { tokenizer, defaults: defaults([]), idsOf, begin }
  }
  throw new UsageError({
    operation: 'generate',
    expected: 'a model that writes: a decoder, or an encoder-decoder',
    found: `'${language.name}', of the family '${language.family}'`,
    hint: 'take another model; heed attend and heed embed look at this one',
  })
}

/**
 * Writes on from prompts, together. Other work of the process runs between tokens.
 *
 * @param onText called with each piece of text of a prompt, by its number, whole characters only
 * @returns for each prompt its continuation
 * @throws {UsageError} for options that make no sense, or an empty prompt where nothing starts a text
 */
export async function writeOn(
  writer: Writer,
  prompts: readonly string[],
  options: GenerateOptions,
  onText: (row: number, text: string) => void = () => {},
  signal?: AbortSignal,
): Promise<Continuation[]> {
  const { tokenizer, defaults } = writer
  const { model, ids: begun } = writer.begin(prompts)
  const beams = options.beams ?? defaults.beams ?? 1
  const all: WriteOptions = { contextEnd: 'slide', ...defaults, ...options }
  const asked: WriteOptions = {
    ...(beams > 1 ? withoutDrawing(all) : all),
    tokenizer,
    perPrompt: 1,
    ...(signal !== undefined && { signal }),
  }
  const started = performance.now()
  const rows = prompts.map(() => ({ text: '', ids: [] as number[], end: 'aborted', seconds: 0 }))
  const seconds = (): number => (performance.now() - started) / 1000
  if (beams > 1) {
    const written = await write(model, begun, asked)
    written.forEach(({ text, ids, end }, i) => {
      rows[i] = { text, ids: [...ids], end, seconds: seconds() }
      onText(i, text)
    })
  } else {
    for await (const { row, ids, text, end } of streamPieces(model, begun, asked)) {
      const own = rows[row]!
      own.ids.push(...ids)
      own.text += text
      if (text !== '') onText(row, text)
      if (end !== undefined) Object.assign(own, { end, seconds: seconds() })
    }
  }
  const ends: Readonly<Record<string, Continuation['end']>> = { stop: 'text', aborted: 'interrupted' }
  return rows.map(({ text, ids, end, seconds: own }, i) => ({
    prompt: prompts[i]!,
    promptIds: writer.idsOf(prompts[i]!),
    text,
    // What ends a text is none of it.
    ids: end === 'stop' && defaults.stop?.includes(ids.at(-1)!) === true ? ids.slice(0, -1) : ids,
    end: ends[end] ?? (end as Continuation['end']),
    tokensPerSecond: ids.length / Math.max(1e-9, own),
  }))
}

/** Beams are searched, and not drawn; nor can a text that is searched forget its beginning. */
const drawing: readonly string[] = ['temperature', 'topK', 'topP', 'minP', 'typicalP', 'contextEnd']

function withoutDrawing(options: WriteOptions): WriteOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !drawing.includes(name)))
}
